"""Readable names for the simulated world: titles of invented films, genres, demographics."""

from __future__ import annotations

GENRES: tuple[str, ...] = (
    "Action", "Adventure", "Animation", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Horror", "Mystery", "Romance", "Sci-Fi",
)  # fmt: skip
AGE_GROUPS: tuple[str, ...] = ("under 25", "25-39", "40-59", "60+")
GENDERS: tuple[str, ...] = ("F", "M")
COUNTRIES: tuple[str, ...] = ("Brazil", "France", "India", "Japan", "Kenya", "Poland", "USA")

_ADJECTIVES = (
    "Silent", "Crimson", "Hidden", "Last", "Burning", "Paper", "Golden", "Broken", "Distant", "Electric",
    "Frozen", "Gentle", "Hollow", "Iron", "Lonely", "Midnight", "Northern", "Painted", "Quiet", "Restless",
    "Salt", "Secret", "Stolen", "Velvet", "Wandering",
)  # fmt: skip
_NOUNS = (
    "Harbour", "Garden", "Orchard", "Railway", "Lantern", "Mountain", "Promise", "River", "Shadow", "Summer",
    "Theatre", "Voyage", "Winter", "Window", "Carnival", "Compass", "Detective", "Empire", "Forest", "Letter",
    "Machine", "Oracle", "Parade", "Station", "Tide",
)  # fmt: skip


def title(number: int) -> str:
    """The title of item ``number`` (from 0), different for every number."""
    series, place = divmod(number, len(_ADJECTIVES) * len(_NOUNS))
    # 7 and 25 share no factor, so neighbours differ in both words and no pair comes twice.
    noun, adjective = divmod(place, len(_ADJECTIVES))
    words = f"The {_ADJECTIVES[(adjective * 7 + noun) % len(_ADJECTIVES)]} {_NOUNS[noun]}"
    return f"{words}{f' {series + 1}' if series else ''} ({release_year(number)})"


def release_year(number: int) -> int:
    """The year in an item's title."""
    return 1960 + number * 37 % 65
