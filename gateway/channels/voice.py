"""The voice at home: speaks one prompt at a time, the most severe first, and notes every one of them.

Rules this file keeps:
- Nothing speaks over a more severe message. A more severe one silences what is being spoken and speaks at once.
- Equal or less severe ones wait their turn, at most `MAX_WAITING` of them and `STALE_S` each: nobody wants a
  reassurance of a minute ago. What is dropped is counted and told to whoever asked.
- Without a sound device everything still goes to the spoken-text log, marked as not heard.
- At night what is no life-safety message is 6 dB softer and said three times at the most (domain 4.5).
- What asks the elder is followed by listening, if the home can listen at all (`voice_answer`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gateway.actions import STALE_AFTER_MS, Action, Say
from gateway.alarms.words import Catalogue, TextFault
from gateway.channels.filling import spoken_values
from gateway.channels.loudness import NIGHT_REPEATS, SILENT_DB, Loudness
from gateway.channels.loudspeaker import Loudspeaker
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.channels.prompts import FOLDER, Prompts
from gateway.channels.speaker import (
    UTTERANCE_LIMIT_S,
    EspeakSpeaker,
    Line,
    Speaker,
    choose_speaker,
    find_sound_device,
)
from gateway.channels.spoken_log import Spoken, SpokenLog
from gateway.channels.voice_answer import Listening, open_listening
from gateway.home.model import Home

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

__all__ = [
    "EspeakSpeaker", "Speaker", "Spoken", "SpokenLog", "VoiceChannel", "choose_speaker", "find_sound_device",
]  # fmt: skip

MAX_WAITING: Final = 8
"""A minute of speech; more would be stale before its turn."""

STALE_S: Final = STALE_AFTER_MS / 1000
SPEAKER_LIMIT_S: Final = UTTERANCE_LIMIT_S + 3
"""A speaker ends within its own limit; one that does not is left alone, so that the next prompt is heard."""

SILENCED_WITHIN_S: Final = 1.5
"""How long a silenced speaker may take to stop: P0 is never delayed more than 2 s (invariant iv)."""

RANK: Final = {"P0": 0, "P1": 1, "P2": 2, "TEST": 3, "P3": 3, "P4": 4}
LEAST: Final = 4

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Utterance:
    """One prompt on its way to the loudspeaker."""

    action: Say
    prompt: str
    line: Line
    noted: str  # the text as the log may hold it
    severity: str
    order: int
    since: float
    outcome: asyncio.Future[Outcome]
    silenced: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def turn(self) -> tuple[int, int]:
        """The lowest turn speaks first."""
        return RANK.get(self.severity, LEAST), self.order


class VoiceChannel:
    """The way to the elder by voice. Carries `Say` actions and nothing else.

    `at` gives the wall time for the log, as people read it. With `log_names` the log holds names as they were spoken
    (the demo, where nobody is real); without, ids stand in their place. `on_spoken` is told of every line.
    `still_true` is asked when a prompt's turn comes: what became false while it waited is not said (invariant vii).
    """

    name = "voice"

    def __init__(
        self,
        home: Callable[[], Home],
        words: Catalogue,
        spoken_log: SpokenLog,
        speaker: Speaker | None,
        *,
        at: Callable[[], str],
        now: Callable[[], float] = time.monotonic,
        log_names: bool = False,
        on_spoken: Callable[[Spoken], None] | None = None,
        still_true: Callable[[Say], bool] = lambda _: True,
        volume: int = 100,
        night: Callable[[], bool] = lambda: False,
        listening: Listening | None = None,
        health: Callable[[], Health] | None = None,
    ) -> None:
        self._home = home
        self._still_true = still_true
        self._words = words
        self._log = spoken_log
        self._speaker = speaker
        self._at = at
        self._now = now
        self._log_names = log_names
        self._on_spoken = on_spoken
        self._waiting: list[_Utterance] = []
        self._current: _Utterance | None = None
        self._turns: asyncio.Task[None] | None = None
        self._stuck: set[asyncio.Task[bool]] = set()
        self._order = 0
        self._listening, self._health = listening, health
        self._loudness = Loudness(volume, night)
        self.counts: Counter[str] = Counter()
        if speaker is None:
            log.warning("voice: no sound device, prompts go to the spoken-text log only")

    async def carry(self, action: Action) -> Outcome:
        """Speaks one prompt; returns when it was played out, dropped or silenced. `Delivered` means played out."""
        if not isinstance(action, Say):
            return self._refused("not_a_prompt", f"the voice carries prompts only, not {action.kind}")
        try:
            utterance = self._utterance(action)
        except TextFault as fault:
            log.error("voice: %s cannot be spoken: %s", action.prompt, fault)
            return self._refused("bad_prompt", str(fault))
        if (unheard := self._unheard(utterance)) is not None:
            self._end(utterance, unheard)
            return unheard
        if self._speaker is None:
            self._end(utterance, NotDelivered("no sound device: written to the spoken-text log only", None))
            return utterance.outcome.result()
        self._enqueue(utterance)
        try:
            return await utterance.outcome
        finally:
            if utterance.outcome.cancelled():  # whoever asked has gone
                self._withdraw(utterance)

    async def close(self) -> None:
        """Silences everything and writes the log out."""
        for utterance in self._waiting:
            self._end(utterance, NotDelivered("the gateway stops", None))
        self._waiting.clear()
        if self._current is not None:
            self._current.silenced.set()
        if self._turns is not None:
            await self._turns
        if self._listening is not None:
            await self._listening.stop()
        await self._log.close()

    def _unheard(self, utterance: _Utterance) -> NotDelivered | None:
        """Why a prompt is not said now at all: at night often enough, or turned down to nothing."""
        action = utterance.action
        if not self._loudness.once_more(action.severity, (action.prompt, action.alarm)):
            self.counts["not_at_night"] += 1
            return NotDelivered(f"said {NIGHT_REPEATS} times tonight", None)
        if utterance.line.gain_db <= SILENT_DB:
            self.counts["volume_off"] += 1
            return NotDelivered("the volume is 0", None)
        return None

    def health(self) -> Health:
        """Down without a loudspeaker; what it would say is in the log."""
        if self._health is not None:
            return self._health()
        return Health(State.UP if self._speaker is not None else State.DOWN)

    def _utterance(self, action: Say) -> _Utterance:
        values = spoken_values(action.params, self._home(), self._words)
        text = self._words.render_prompt(action.prompt, values)
        named = {} if self._log_names else _ids(action.params)
        noted = self._words.render_prompt(action.prompt, values | named) if named else text
        self._order += 1
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        form = self._words.prompt_form(action.prompt, values)
        line = Line(text, action.severity, form, values, self._loudness.gain_db(action.severity))
        return _Utterance(action, action.prompt, line, noted, action.severity, self._order, self._now(), outcome)

    def _enqueue(self, new: _Utterance) -> None:
        same = (new.prompt, new.action.alarm)
        for old in [u for u in self._waiting if new.action.alarm and (u.prompt, u.action.alarm) == same]:
            self._waiting.remove(old)  # the same said anew, with other seconds left
            self._end(old, NotDelivered("said anew", None))
        self._waiting.append(new)
        self._waiting.sort(key=lambda u: u.turn)
        if len(self._waiting) > MAX_WAITING:
            self.counts["dropped"] += 1
            self._end(self._waiting.pop(), NotDelivered("too many more severe prompts are waiting", None))
        if self._current is not None and new.turn[0] < self._current.turn[0]:
            self._current.silenced.set()
        if self._turns is None or self._turns.done():
            self._turns = asyncio.get_running_loop().create_task(self._take_turns(), name="voice")

    def _withdraw(self, utterance: _Utterance) -> None:
        if utterance in self._waiting:
            self._waiting.remove(utterance)
        utterance.silenced.set()

    async def _take_turns(self) -> None:
        """Speaks what waits, one after the other; ends when nothing waits, so an idle home costs nothing."""
        while self._waiting:
            utterance = self._waiting.pop(0)
            if self._now() - utterance.since > STALE_S:
                self.counts["stale"] += 1
                self._end(utterance, NotDelivered(f"waited more than {STALE_S:.0f} s for its turn", None))
                continue
            if not self._still_true(utterance.action):
                self.counts["no_longer_true"] += 1
                self._end(utterance, NotDelivered("no longer true", None))
                continue
            if self._listening is not None:
                await self._listening.stop()  # it would hear us
            self._current = utterance
            outcome = await self._play(utterance)
            self._current = None
            self._end(utterance, outcome)
            if self._listening is not None and isinstance(outcome, Delivered) and not self._waiting:
                self._listening.asked(utterance.action)

    async def _play(self, utterance: _Utterance) -> Outcome:
        assert self._speaker is not None
        loop = asyncio.get_running_loop()
        speaking = loop.create_task(_speak(self._speaker, utterance), name=f"speak-{utterance.prompt}")
        silenced = loop.create_task(utterance.silenced.wait())
        await asyncio.wait({speaking, silenced}, timeout=SPEAKER_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        silenced.cancel()
        if not speaking.done():
            await self._silence(speaking)
            interrupted = utterance.silenced.is_set()
            self.counts["interrupted" if interrupted else "hung"] += 1
            reason = "interrupted" if interrupted else "the loudspeaker hangs"
            return NotDelivered(reason, None)
        error = speaking.exception()
        if error is not None:
            self.counts["failed"] += 1
            log.error("voice: the loudspeaker failed: %s", type(error).__name__)
        if error is not None or not speaking.result():
            return NotDelivered("the loudspeaker did not play it out", None)
        self.counts["spoken"] += 1
        return Delivered()

    async def _silence(self, speaking: asyncio.Task[bool]) -> None:
        """Stops a speaker; one that does not stop is left behind rather than waited for."""
        speaking.cancel()
        done, _ = await asyncio.wait({speaking}, timeout=SILENCED_WITHIN_S)
        if not done:
            log.error("voice: the loudspeaker does not stop")
            self._stuck.add(speaking)
            speaking.add_done_callback(self._stuck.discard)

    def _end(self, utterance: _Utterance, outcome: Outcome) -> None:
        """Notes the prompt and tells whoever asked."""
        heard = isinstance(outcome, Delivered)
        spoken = Spoken(self._at(), utterance.prompt, utterance.noted, utterance.severity, heard)
        self._log.note(spoken)
        if self._on_spoken is not None:
            self._on_spoken(spoken)
        if not utterance.outcome.done():
            utterance.outcome.set_result(outcome)

    def _refused(self, counter: str, reason: str) -> NotDelivered:
        self.counts[counter] += 1
        return NotDelivered(reason, None)


async def _speak(speaker: Speaker, utterance: _Utterance) -> bool:
    return await speaker.speak(utterance.line)


def _ids(params: Mapping[str, Any]) -> dict[str, Any]:
    """What stands for people and things in the log: their ids."""
    return {name: params[name] for name in ("contact", "device", "visitor") if params.get(name) is not None}


def open_channel(around: Surroundings) -> VoiceChannel:
    """The voice of this house; without a sound device everything goes to the spoken-text log until one appears."""
    config = around.config.voice
    speaker: Loudspeaker | None = None
    off = Health(State.OFF, "no voice: switched off in the configuration; prompts go to the log only")
    if config.enabled:
        speaker = Loudspeaker(Prompts(around.state_dir / FOLDER, around.words), command=config.command)
    voice = VoiceChannel(
        around.home,
        around.words,
        SpokenLog(around.state_dir / "spoken.jsonl"),
        speaker,
        at=around.at,
        log_names=around.log_names,
        still_true=around.still_true,
        volume=config.volume,
        night=around.night,
        listening=open_listening(around) if config.enabled else None,
        health=speaker.health if speaker is not None else lambda: off,
    )
    log.info("%s", voice.health().why)
    return voice
