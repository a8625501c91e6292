"""What a message names: city, district, stage, child; from Rasa's entities or, without Rasa, from the same rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bot.components.entity_rules import build_pipeline, load_patterns
from core.scope import CITIES, City, Stage


@dataclass(frozen=True, slots=True)
class Named:
    """The places and things that a message names, by canonical value; a city only if the words leave no doubt."""

    city: City | None = None
    district: str | None = None
    stage: Stage | None = None
    child: int | None = None
    all_children: bool = False

    @property
    def tells_scope(self) -> bool:
        """Whether anything of the scope is named."""
        return any((self.city, self.district, self.stage))


_CHILDREN = {"first": 1, "second": 2, "third": 3}


class EntityReader:
    """Maps surface forms to canonical values, and can find them itself."""

    def __init__(self) -> None:
        patterns = load_patterns()
        self._canonical = {
            (label, surface.lower()): canonical
            for label, forms in patterns["phrases"].items()
            for canonical, surfaces in forms.items()
            for surface in surfaces
        }
        self._district_city = {d: city for city, districts in patterns["district_city"].items() for d in districts}
        self._platform_city: dict[str, str] = patterns["platform_city"]
        self._system_city = {term: city for city, terms in patterns["system_terms"].items() for term in terms}
        self._pipeline = build_pipeline()

    def read(self, text: str) -> Named:
        """Find what the text (normal form) names, without Rasa."""
        found = ((entity.label_, entity.text) for entity in self._pipeline(text).ents)
        return self._named(found, text)

    def from_rasa(self, entities: Iterable[Mapping[str, Any]], text: str) -> Named:
        """Map the entities that Rasa found in `text`."""
        return self._named(((e["entity"], str(e["value"])) for e in entities), text)

    def _named(self, found: Iterable[tuple[str, str]], text: str) -> Named:
        cities: set[str] = {city for term, city in self._system_city.items() if term in text}
        values: dict[str, str] = {}
        children: list[str] = []
        for label, surface in found:
            canonical = self._canonical.get((label, surface.lower()))
            if canonical:
                values.setdefault(label, canonical)
                if label == "child_reference":
                    children.append(canonical)
                cities |= self._cities_of(label, canonical)
        city = cast("City", cities.pop()) if len(cities) == 1 else None
        district = values.get("district")
        if district and self._district_city.get(district) != city:
            district = None
        stage = values.get("stage")
        child = next((_CHILDREN[c] for c in children if c in _CHILDREN), None)
        return Named(city, district, cast("Stage | None", stage), child, child is None and "all" in children)

    def _cities_of(self, label: str, canonical: str) -> set[str]:
        city = {
            "city": canonical if canonical in CITIES else None,
            "platform": self._platform_city.get(canonical),
            "district": self._district_city.get(canonical),
        }.get(label)
        return {city} if city else set()
