"""A conversation as a person reads it, on both databases: who owns it, what was said, why the bot said it."""

from __future__ import annotations

import pytest

from conversations import handover
from conversations.handover import Hold, Person
from conversations.reply import Intent, Memory, Reply, TextMessage
from conversations.storage import ConversationStore
from conversations.talk import TurnFacts, read_talk
from core.errors import NotFoundError
from core.outcomes import Outcome
from core.scope import Scope


def test_a_talk_tells_who_owns_it_what_was_said_and_why(store: ConversationStore) -> None:
    conversation, _ = store.create(Scope("chongqing"), [])
    turn, seen = store.begin_turn(conversation.id, "刷脸查不到孩子")
    reply = Reply(
        outcome=Outcome.ANSWERED,
        intent=Intent(name="face_scan_no_child", confidence=0.9),
        confidence=0.8,
        messages=[TextMessage(text="…")],
    )
    store.leave_reply(turn, reply, scope=seen.scope, memory=Memory())
    running, _ = store.begin_turn(conversation.id, "谢谢")
    talk = read_talk(store, conversation.id)
    assert (talk.ownership.owner, talk.staff) == ("bot", None)
    assert [one.author for one in talk.said] == ["parent", "bot", "parent"]
    assert talk.turns == {
        turn.number: TurnFacts("answered", "face_scan_no_child", 0.9, 0.8),
        running.number: TurnFacts(None, None, None, None),
    }
    teacher = Person("staff-1", "school")
    hold = Hold(conversation.id, teacher, handover.take_over(store.engine, conversation.id, teacher))
    handover.say(store.engine, hold, "您好")
    talk = read_talk(store, conversation.id)
    assert (talk.ownership.owner, talk.ownership.role, talk.staff) == ("person", "school", "staff-1")
    assert talk.said[-1].author == "person"


@pytest.mark.parametrize("conversation_id", ["nowhere", "\x00"])
def test_a_talk_that_is_not_there_is_not_found(store: ConversationStore, conversation_id: str) -> None:
    with pytest.raises(NotFoundError):
        read_talk(store, conversation_id)
