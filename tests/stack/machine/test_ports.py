from __future__ import annotations

import socket

import pytest

from stack.machine.errors import StackError
from stack.machine.ports import LOOPBACK, claim, free_port, is_free


def test_port_0_picks_a_free_one() -> None:
    assert is_free(claim(0, "--api-port"))


def test_a_busy_port_is_one_sentence_that_names_the_option() -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(StackError) as caught:
            claim(port, "--kafka-port")
        assert str(port) in str(caught.value)
        assert "--kafka-port" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert claim(port, "--kafka-port", fall_back=True) != port


def test_a_free_port_is_taken_as_asked() -> None:
    port = free_port()
    assert claim(port, "--api-port") == port
