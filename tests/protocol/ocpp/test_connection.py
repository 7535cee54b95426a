from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from protocol.ocpp.commands import (
    Answered,
    ClearChargingProfile,
    Command,
    CommandResult,
    Lost,
    Refused,
    RequestStopTransaction,
    ResetStation,
    TimedOut,
)
from protocol.ocpp.connection import (
    CommandDone,
    Connection,
    Incoming,
    LateAnswer,
    SendText,
    Strike,
)
from protocol.ocpp.errors import LocalError
from protocol.ocpp.events import (
    BootReply,
    EmptyReply,
    ErrorReply,
    Heartbeat,
    HeartbeatReply,
)
from protocol.ocpp.framing import Limits
from protocol.ocpp.model import Version

V16, V201 = Version.V16, Version.V201
Connect = Callable[..., Connection]
NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
HEARTBEAT = '[2,"h","Heartbeat",{}]'
RESET = ResetStation()


def result_of(connection: Connection, text: str, command: Command = RESET) -> CommandResult:
    connection.send(command, 0.0)
    done = connection.receive(text, 1.0)[0]
    assert isinstance(done, CommandDone)
    assert done.command == command
    assert not connection.busy
    return done.result


@pytest.mark.parametrize("version", Version)
def test_a_call_is_answered_with_its_own_id(version: Version, connect: Connect) -> None:
    connection = connect(version)
    assert connection.receive(HEARTBEAT, 0.0) == [Incoming("h", Heartbeat())]
    answer = connection.reply("h", HeartbeatReply(now=NOW))
    assert json.loads(answer) == [3, "h", {"currentTime": "2026-11-20T16:00:00Z"}]


@pytest.mark.parametrize("version", Version)
def test_a_call_that_comes_again_gets_the_same_text_and_is_not_done_again(
    version: Version, connect: Connect
) -> None:
    connection = connect(version)
    connection.receive(HEARTBEAT, 0.0)
    answer = connection.reply("h", HeartbeatReply(now=NOW))
    assert connection.receive(HEARTBEAT, 1.0) == [SendText(answer)]
    assert connection.receive(HEARTBEAT, 2.0) == [SendText(answer)]


def test_a_call_that_comes_again_while_the_first_waits_is_answered_once(connect: Connect) -> None:
    connection = connect(V16)
    connection.receive(HEARTBEAT, 0.0)
    assert connection.receive(HEARTBEAT, 0.1) == []
    connection.reply("h", HeartbeatReply(now=NOW))
    with pytest.raises(LocalError, match="no call 'h'"):
        connection.reply("h", HeartbeatReply(now=NOW))


@pytest.mark.parametrize("answered", [False, True])
def test_an_id_used_for_another_call_is_refused_and_not_done(
    answered: bool, connect: Connect
) -> None:
    connection = connect(V16)
    connection.receive(HEARTBEAT, 0.0)
    if answered:
        connection.reply("h", HeartbeatReply(now=NOW))
    sent, strike = connection.receive('[2,"h","Authorize",{"idTag":"T"}]', 0.0)
    assert isinstance(sent, SendText)
    assert json.loads(sent.text)[:3] == [4, "h", "GenericError"]
    assert isinstance(strike, Strike)


def test_what_we_could_not_do_may_come_again_under_the_same_id(connect: Connect) -> None:
    connection = connect(V201)
    connection.receive(HEARTBEAT, 0.0)
    error = connection.reply("h", ErrorReply(description="disk full"))
    assert json.loads(error) == [4, "h", "InternalError", "disk full", {}]
    assert connection.receive(HEARTBEAT, 1.0) == [Incoming("h", Heartbeat())]


def test_remembered_answers_are_bounded_and_the_oldest_goes_first(connect: Connect) -> None:
    connection = connect(V16, limits=Limits(remembered_calls=2))
    for name in "abc":
        connection.receive(f'[2,"{name}","Heartbeat",{{}}]', 0.0)
        connection.reply(name, HeartbeatReply(now=NOW))
    (again,) = connection.receive('[2,"b","Heartbeat",{}]', 0.0)
    assert isinstance(again, SendText)
    (forgotten,) = connection.receive('[2,"a","Heartbeat",{}]', 0.0)
    assert isinstance(forgotten, Incoming)


def test_calls_that_wait_are_bounded(connect: Connect) -> None:
    connection = connect(V16, limits=Limits(waiting_calls=2))
    connection.receive('[2,"a","Heartbeat",{}]', 0.0)
    connection.receive('[2,"b","Heartbeat",{}]', 0.0)
    sent, strike = connection.receive('[2,"c","Heartbeat",{}]', 0.0)
    assert isinstance(sent, SendText)
    assert json.loads(sent.text)[:3] == [4, "c", "GenericError"]
    assert isinstance(strike, Strike)
    connection.reply("a", HeartbeatReply(now=NOW))
    assert connection.receive('[2,"d","Heartbeat",{}]', 0.0) == [Incoming("d", Heartbeat())]


@pytest.mark.parametrize("version", Version)
def test_one_command_at_a_time(version: Version, connect: Connect) -> None:
    connection = connect(version)
    connection.send(RESET, 0.0)
    assert connection.busy
    with pytest.raises(LocalError, match="Reset is still under way"):
        connection.send(RESET, 0.0)


@pytest.mark.parametrize("version", Version)
def test_an_answer_ends_the_command(version: Version, connect: Connect) -> None:
    result = result_of(connect(version), '[3,"ours-1",{"status":"Accepted"}]')
    assert result == Answered(status="Accepted")


@pytest.mark.parametrize("version", Version)
def test_a_callerror_ends_the_command_as_refused(version: Version, connect: Connect) -> None:
    result = result_of(connect(version), '[4,"ours-1","NotSupported","no such thing",{}]')
    assert result == Refused(code="NotSupported", description="no such thing")


@pytest.mark.parametrize("tail", ["", ',7,null,"x"', ',"GenericError"', ',[],{},"",1,2,3'])
def test_a_callerror_of_any_shape_ends_the_command(tail: str, connect: Connect) -> None:
    result = result_of(connect(V16), f'[4,"ours-1"{tail}]')
    assert result == Refused(code="GenericError", description="")


@pytest.mark.parametrize(
    "payload", ["", ",[]", ",null", ",{}", ',{"status":"Perhaps"}', ',{"status":1},{}', ",{},7,8"]
)
@pytest.mark.parametrize("version", Version)
def test_an_answer_that_breaks_its_schema_ends_the_command_as_refused(
    payload: str, version: Version, connect: Connect
) -> None:
    result = result_of(connect(version), f'[3,"ours-1"{payload}]')
    assert isinstance(result, Refused)
    assert result.code == "FormatViolation"


@pytest.mark.fault(48)
def test_a_deadline_passes_and_the_late_answer_is_dropped_without_a_strike(
    connect: Connect,
) -> None:
    connection = connect(V201, call_timeout_s=10.0)
    assert connection.deadline_s() is None
    connection.send(RESET, 100.0)
    assert connection.deadline_s() == 110.0
    assert connection.poll(109.9) == []
    assert connection.poll(110.0) == [CommandDone(RESET, TimedOut())]
    assert connection.deadline_s() is None
    late = '[3,"ours-1",{"status":"Accepted"}]'
    assert connection.receive(late, 111.0) == [LateAnswer(RESET)]
    (again,) = connection.receive(late, 112.0)
    assert isinstance(again, Strike)


def test_an_answer_past_its_deadline_is_late_whoever_looks_first(connect: Connect) -> None:
    connection = connect(V16, call_timeout_s=10.0)
    connection.send(RESET, 0.0)
    assert connection.receive('[3,"ours-1",{"status":"Accepted"}]', 10.0) == [
        CommandDone(RESET, TimedOut()),
        LateAnswer(RESET),
    ]


def test_after_a_timeout_the_next_command_may_go(connect: Connect) -> None:
    connection = connect(V16)
    connection.send(RESET, 0.0)
    connection.poll(30.0)
    connection.send(RESET, 31.0)
    assert connection.receive('[3,"ours-1",{"status":"Rejected"}]', 32.0) == [LateAnswer(RESET)]
    done = connection.receive('[3,"ours-2",{"status":"Accepted"}]', 33.0)
    assert done == [CommandDone(RESET, Answered(status="Accepted"))]


def test_a_lost_link_ends_the_command_once_and_forgets_what_waited(connect: Connect) -> None:
    connection = connect(V16)
    connection.send(RESET, 0.0)
    connection.receive(HEARTBEAT, 0.0)
    assert connection.lost() == [CommandDone(RESET, Lost())]
    assert connection.lost() == []
    with pytest.raises(LocalError):
        connection.reply("h", HeartbeatReply(now=NOW))


@pytest.mark.fault(39)
def test_nothing_grows_with_answers_nobody_asked_for(connect: Connect) -> None:
    connection = connect(V16)
    for number in range(5000):
        (only,) = connection.receive(f'[3,"x{number}",{{}}]', 0.0)
        assert isinstance(only, Strike)
    assert connection.receive(HEARTBEAT, 0.0) == [Incoming("h", Heartbeat())]


def test_a_station_may_call_while_our_command_is_under_way_with_the_same_id(
    connect: Connect,
) -> None:
    connection = connect(V16)
    connection.send(RESET, 0.0)
    assert connection.receive('[2,"ours-1","Heartbeat",{}]', 0.0) == [
        Incoming("ours-1", Heartbeat())
    ]
    connection.reply("ours-1", HeartbeatReply(now=NOW))
    done = connection.receive('[3,"ours-1",{"status":"Accepted"}]', 0.0)
    assert done == [CommandDone(RESET, Answered(status="Accepted"))]


@pytest.mark.parametrize("version", Version)
def test_a_reply_that_does_not_fit_is_our_bug_and_the_call_still_waits(
    version: Version, connect: Connect
) -> None:
    connection = connect(version)
    connection.receive(HEARTBEAT, 0.0)
    for wrong in (EmptyReply(), BootReply(now=NOW, interval_s=300), ErrorReply(code="Whatever")):
        with pytest.raises(LocalError):
            connection.reply("h", wrong)
    connection.reply("h", HeartbeatReply(now=NOW))


def test_a_command_that_may_not_be_sent_leaves_the_line_free(connect: Connect) -> None:
    connection = connect(V201)
    with pytest.raises(LocalError, match="RequestStopTransaction"):
        connection.send(RequestStopTransaction(transaction_id="t" * 37), 0.0)
    connection.send(ClearChargingProfile(), 0.0)


@pytest.mark.parametrize("bad_id", ["", "i" * 37])
def test_an_id_of_ours_that_is_no_message_id_is_our_bug(bad_id: str) -> None:
    connection = Connection(V16, new_id=lambda: bad_id)
    with pytest.raises(LocalError, match="message id"):
        connection.send(RESET, 0.0)
    assert not connection.busy
