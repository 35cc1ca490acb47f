from __future__ import annotations

from serving.question.candidate import User, unite


def test_the_best_list_is_the_fresh_list_if_there_is_one() -> None:
    assert User("u", batch_list=[("a", 1.0)]).best_list == [("a", 1.0)]
    assert User("u", batch_list=[("a", 1.0)], fresh_list=[("b", 2.0)]).best_list == [("b", 2.0)]


def test_a_group_knows_the_items_of_all_members_and_its_state_is_as_old_as_the_oldest() -> None:
    ann = User("ann", known_items={"x"}, model_version="v1", applied_through=7)
    bob = User("bob", known_items={"y"}, model_version="v1", applied_through=5, stale=True)
    together = unite([ann, bob, User("new")])
    assert (together.user_id, together.known_items) == ("", {"x", "y"})
    assert (together.model_version, together.applied_through, together.stale) == ("v1", 5, True)
    assert unite([User("new")]).applied_through is None
