"""What a message names: city, district, stage, child; from Rasa's entities or, without Rasa, from the same rules."""

from __future__ import annotations

import re
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


# What may stand around a place's name without asking anything: 「我家住合川」, 「娃在北碚读书」, 「那青岛的呢」.
_AROUND = re.compile(
    r"(我们|我家|我|俺们|俺|咱们|咱|家里|家|孩子|小孩|娃娃|娃儿|娃|住在|住|在报名|在|是|的|属于|人|这边|那边|这里|那里|这儿"
    r"|那儿|这|那|读书|上学|用|换成|改成|换|现在|准备|打算|呢|吧|嘛|哈|哦|啊|呀|[,.。!?、;: ])*"
)
_SCOPE = ("city", "platform", "district", "stage")
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
        districts = [(surface, name) for name, forms in patterns["phrases"]["district"].items() for surface in forms]
        self._districts = sorted(districts, key=lambda pair: len(pair[0]), reverse=True)
        places = [surface for label, surface in self._canonical if label in _SCOPE]
        self._place = re.compile("|".join(map(re.escape, sorted(places, key=len, reverse=True))))
        self._district_city = {d: city for city, districts in patterns["district_city"].items() for d in districts}
        self._platform_city: dict[str, str] = patterns["platform_city"]
        self._system_city = {term: city for city, terms in patterns["system_terms"].items() for term in terms}
        self._pipeline = build_pipeline()

    def read(self, text: str) -> Named:
        """Find what the text (normal form) names, without Rasa."""
        found = ((entity.label_, entity.text) for entity in self._pipeline(text).ents)
        return self._named(found, text)

    def district(self, name: str | None) -> str | None:
        """Return a district that the host names, in canonical form; one that we don't know stays as it is.

        >>> EntityReader().district("重庆市彭水苗族土家族自治县")
        '彭水县'
        """
        return next((canonical for surface, canonical in self._districts if name and surface in name), name)

    def only_tells_scope(self, text: str) -> bool:
        """Return whether a text (normal form) names a place, platform or stage and says nothing else."""
        around, named = self._place.subn("", text)
        return named > 0 and _AROUND.fullmatch(around) is not None

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
