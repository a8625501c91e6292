"""What an entry of the Q&A is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.scope import City, Scope, Stage

Topic = Annotated[str, Field(pattern=r"^[a-z_]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Notes(_Strict):
    """What is shown beside an answer, and when."""

    always: str | None = None
    ended: str | None = None
    other_district: str | None = None
    other_stage: str | None = None


class Document(_Strict):
    """A published document; `file` is under `knowledge/sources/`, `format` names the importer's reader."""

    id: str
    city: City
    file: str
    format: Literal["numbered", "question_answer"]
    title: str
    publisher: str
    official: bool
    year: int | None
    batch: str | None
    districts: tuple[str, ...]
    stages: tuple[Stage, ...]
    notes: Notes

    def notes_for(self, scope: Scope, on: date, ended_on: date) -> list[str]:
        """Return the notes that must be shown with an answer given in `scope` on the day `on`."""
        shown = [self.notes.always]
        if on > ended_on:
            shown.append(self.notes.ended)
        if scope.district and self.districts and scope.district not in self.districts:
            shown.append(self.notes.other_district)
        if scope.stage and scope.stage not in self.stages:
            shown.append(self.notes.other_stage)
        return [note for note in shown if note]


class Branch(_Strict):
    """One of the cases that an answer distinguishes.

    `text` is a verbatim substring of the answer; `label` is the case in a parent's words, as an option shows it.
    """

    id: str = Field(pattern=r"^[a-z_]+$")
    label: str
    text: str


class Similar(_Strict):
    """How people ask for an entry (`voices`: who writes → what they write).

    `branches`: the same for each of its branches; `undecided`: words that decide for no branch. `contrasts`: branch, or
    "none" → messages with the words of one branch that decide for another (「不是集体户」); only the judge of branches
    learns from them.
    """

    voices: dict[str, tuple[str, ...]]
    branches: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    undecided: tuple[str, ...] = ()
    contrasts: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Facets(_Strict):
    """What an answer tells and what one could expect it to tell but it does not.

    Writers of similar questions go by the first, writers of near misses by the second.
    """

    covers: tuple[str, ...] = Field(min_length=1)
    leaves_open: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _nothing_is_both(self) -> Facets:
        if both := set(self.covers) & set(self.leaves_open):
            raise ValueError(f"covered and left open at once: {sorted(both)}")
        return self


class Entry(_Strict):
    """One published question with its whole published answer.

    `label`: the question in a parent's short words, as an option shows it.
    `asks_branch`: whether the parent is asked which branch is theirs when their words do not decide it.
    """

    id: str = Field(pattern=r"^(cq-\d\d|qd-[abc]\d\d)$")
    city: City
    document: str
    topic: Topic
    number: str
    question: str
    label: str
    answer: str
    asks_branch: bool = False
    branches: tuple[Branch, ...] = ()
    facets: Facets | None = None
    similar: Similar = Similar(voices={})

    @model_validator(mode="after")
    def _branches_are_verbatim(self) -> Entry:
        for branch in self.branches:
            if branch.text not in self.answer:
                raise ValueError(f"branch {branch.id!r}: its text is not a part of the answer")
        if len({branch.id for branch in self.branches}) != len(self.branches):
            raise ValueError("two branches have the same id")
        told = {*self.similar.branches, *self.similar.contrasts} - {"none"}
        if unknown := told - {branch.id for branch in self.branches}:
            raise ValueError(f"similar questions for a branch that does not exist: {sorted(unknown)}")
        return self

    @property
    def similar_questions(self) -> list[str]:
        """All similar questions, of every voice, in file order."""
        return [question for questions in self.similar.voices.values() for question in questions]


class NearMiss(_Strict):
    """A question that the city's Q&A does not answer, though it may resemble the entries in `near`."""

    q: str
    city: City | None
    near: tuple[str, ...] = ()
    beyond: str = ""


class FollowUp(_Strict):
    """Two messages of one parent in one city, and the entries of which each answers the second; none: no entry does."""

    before: str
    q: str
    city: City
    expect: tuple[str, ...]
