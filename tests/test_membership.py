"""Any acts in any order, on both databases, beside a model that is nothing but the table of moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from newsletter.errors import ListError
from newsletter.store import tables
from newsletter.store.database import Database
from newsletter.subscribers.subscriber import MOVES, Act, Consent, Standing
from newsletter.subscribers.subscriber_list import SubscriberList

FORM = Consent("form", "https://example.org/join")
NAMES = st.sampled_from(["ada@one.example.org", "bob@one.example.org", "eve@two.example.org"])
DOMAINS = st.sampled_from(["@one.example.org", "@two.example.org"])


class Model:
    """One person as the table of moves has it."""

    def __init__(self, subscriber_id: int, standing: Standing, act: Act) -> None:
        self.id = subscriber_id
        self.standing = standing
        self.acts = [act]


def machine(database: Database) -> type[RuleBasedStateMachine]:
    """The acts on `database`, as rules."""

    class Acts(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            with database.write() as connection:
                for table in ("history", "subscriber_tag", "subscriber", "consent", "suppression"):
                    connection.execute(tables.metadata.tables[table].delete())
            self.people = SubscriberList(database, now=lambda: datetime(2026, 11, 30, tzinfo=UTC))
            self.known: dict[str, Model] = {}
            self.erased: list[Model] = []
            self.suppressed: set[str] = set()

        def is_suppressed(self, name: str) -> bool:
            return bool(self.suppressed & {name, f"@{name.partition('@')[2]}"})

        def act(self, name: str, act: Act, do: Callable[[], object]) -> None:
            """`do` succeeds exactly where the table says so, and moves as it says."""
            model = self.known.get(name)
            after = MOVES[act].get(model.standing) if model else None
            try:
                do()
            except ListError:
                assert after is None
                return
            assert model is not None
            assert after is not None
            if after is not model.standing:
                model.acts.append(act)
            model.standing = after

        def join(self, name: str, act: Act, reason: str = "") -> None:
            model = self.known.get(name)
            if act is Act.ADD and reason and model and model.standing not in MOVES[Act.ADD]:
                act = Act.RESUBSCRIBE
            may = not self.is_suppressed(name)
            after = MOVES[act].get(model.standing if model else None) if may else None
            try:
                joined = (
                    self.people.ask(name, FORM)
                    if act is Act.ASK
                    else self.people.add(name, FORM, resubscribe=reason)
                )
            except ListError:
                assert after is None
                return
            assert joined.standing is after
            if model is None:
                self.known[name] = Model(joined.id, joined.standing, act)
            elif after is not model.standing:
                model.acts.append(act)
                model.standing = joined.standing

        @rule(name=NAMES)
        def ask(self, name: str) -> None:
            self.join(name, Act.ASK)

        @rule(name=NAMES, reason=st.sampled_from(["", "a letter"]))
        def add(self, name: str, reason: str) -> None:
            self.join(name, Act.ADD, reason)

        @rule(name=NAMES)
        def confirm(self, name: str) -> None:
            model = self.known.get(name)
            self.act(name, Act.CONFIRM, lambda: self.people.confirm(model.id if model else 999))

        @rule(name=NAMES)
        def leave(self, name: str) -> None:
            self.act(name, Act.LEAVE, lambda: self.people.remove(name))

        @rule(name=NAMES)
        def bounce(self, name: str) -> None:
            self.act(name, Act.BOUNCE, lambda: self.people.bounce(name, note="550"))

        @rule(name=NAMES)
        def complain(self, name: str) -> None:
            self.act(name, Act.COMPLAIN, lambda: self.people.complain(name, note="report"))

        @rule(name=NAMES)
        def erase(self, name: str) -> None:
            self.act(name, Act.ERASE, lambda: self.people.erase(name))
            if model := self.known.pop(name, None):
                self.erased.append(model)
                self.suppressed.add(name)

        @rule(who=NAMES | DOMAINS)
        def suppress(self, who: str) -> None:
            fresh = [name for name in self.known if name.endswith(who) and not self.is_suppressed(name)]
            assert self.people.suppress(who, "asked") == len(fresh)
            self.suppressed.add(who)
            for name in fresh:
                self.known[name].acts.append(Act.SUPPRESS)

        @rule(who=NAMES | DOMAINS)
        def lift(self, who: str) -> None:
            before = [name for name in self.known if self.is_suppressed(name)]
            assert self.people.lift(who, "a mistake") == (who in self.suppressed)
            self.suppressed.discard(who)
            for name in before:
                if not self.is_suppressed(name):
                    self.known[name].acts.append(Act.LIFT)

        @invariant()
        def everybody_stands_as_the_table_says(self) -> None:
            if not hasattr(self, "known"):
                return
            for name, model in self.known.items():
                dossier = self.people.show(name)
                assert dossier.subscriber
                assert dossier.subscriber.standing is model.standing
                assert dossier.subscriber.suppressed == self.is_suppressed(name) == bool(dossier.suppressed)
                assert [event.act for event in dossier.history] == model.acts
                assert [event.number for event in dossier.history] == list(range(1, len(model.acts) + 1))
            with database.read() as connection:
                person = tables.subscriber.c
                mailed = connection.execute(
                    select(person.email_key).where(person.standing == 1, person.suppressed == 0)
                ).scalars()
                assert set(mailed) == {
                    name
                    for name, model in self.known.items()
                    if model.standing is Standing.CONFIRMED and not self.is_suppressed(name)
                }
                gone = connection.execute(select(person.id).where(person.standing == 5)).scalars()
                assert set(gone) == {model.id for model in self.erased}

    return Acts


def test_any_acts_in_any_order_move_as_the_table_says(database: Database) -> None:
    run_state_machine_as_test(
        machine(database),
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
