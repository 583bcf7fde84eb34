"""The words people read and hear: catalogues of SMS texts, prompts and labels, checked at load and again at render.

Knows the templates (`texts/*.toml`), what may stand in each placeholder and how long a text may be. Must not know who
lives here: names, numbers and the helpline arrive as parameters from the channels. Pure, but for reading its own
package data once. No error text carries a value: names stay out of logs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from gateway.alarms import why
from gateway.alarms.proofread import FORMS, PLACEHOLDER, SHORTENED, SMS_UNITS, limits_of, problems_of
from gateway.home.model import units

DEFAULT_LANGUAGE: Final = "zh_CN"

_SECONDS_LEFT: Final = "V01"
_NO_SECONDS_LEFT: Final = "V02"
_DEFAULT_WORDS: Final = {"contact": "family", "device": "device"}
_ALIASES: Final = {"hours": "limit_h"}  # reason parameters under the name the evidence gives them
_ISO_DATE: Final = re.compile(r"(?:[0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_HH_MM: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_REFERENCE: Final = re.compile(r"[0-9]{1,2}")


class TextFault(ValueError):
    """A text cannot be made. Says which text and which value, never what the value was."""


class UnknownText(TextFault):
    """No template, prompt or kind of label of this name."""


class MissingParameter(TextFault):
    """The template needs a value that was not given."""


class UnfitParameter(TextFault):
    """A value is not of the form its place needs, for example a time that is not HH:MM."""


class TextTooLong(TextFault):
    """A value exceeds its limit, or the text one SMS. What matters is never cut to make it fit."""


class BadCatalogue(ValueError):
    """A catalogue is not usable: our fault. `problems` lists everything that was found."""

    def __init__(self, language: str, problems: list[str]) -> None:
        super().__init__(f"catalogue {language}: " + "; ".join(problems))
        self.problems = problems


_UNSPOKEN: Final = re.compile(r"^[【\[][^】\]]*[】\]]\s*|\s*(?:编号|#)\{ref\}$")
"""What stands around an SMS and is not read aloud."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All words of one language. Make it with `load` or `read`, which check it."""

    language: str
    date: str  # "{month}月{day}日"
    limits: Mapping[str, int]
    sms: Mapping[str, str]
    prompts: Mapping[str, str]
    channels: Mapping[str, str]  # what a call says (call, call-test, thanks-1, thanks-2), what stands before a link
    words: Mapping[str, str]  # family, desk, resident, device, helpline, kind, what
    kinds: Mapping[str, str]
    whats: Mapping[str, str]
    reasons: Mapping[str, str]
    measures: Mapping[str, str]  # ending of a number's name -> how it is written with its unit
    whys: Mapping[str, Sequence[str]]  # code -> sentences, the one that needs most evidence first
    labels: Mapping[str, Mapping[str, str]]  # kind of label -> key -> words

    def render_sms(self, template: str, params: Mapping[str, Any]) -> str:
        """The text of SMS `template`, at most 70 UCS-2 units.

        A place or device name is cut if need be. Raises `MissingParameter`, `UnfitParameter`, `UnknownText`, and
        `TextTooLong` for a name or any other value beyond its limit. Parameters the template does not use are ignored.
        """
        text = self.sms.get(template)
        if text is None:
            raise UnknownText(f"{template}: no such SMS template")
        values = {name: self._value(template, name, params) for name in PLACEHOLDER.findall(text)}
        for name in SHORTENED:
            over = units(_fill(text, values)) - SMS_UNITS
            if over > 0 and name in values:
                values[name] = _cut(values[name], max(self.limits[name], units(values[name]) - over))
        made = _fill(text, values)
        if units(made) > SMS_UNITS:
            raise TextTooLong(f"{template}: {units(made)} units, one SMS holds {SMS_UNITS}")
        return made

    def render_prompt(self, prompt: str, params: Mapping[str, Any]) -> str:
        """What is spoken for `prompt`.

        V03 says "is coming" only if `coming` is True, V04 speaks to the fallen only if `fall` is, and so on (`FORMS`).
        V01 with no second left to cancel in is V02. Without a contact the family stands in; the channel knows better
        who is told.
        """
        form = self.prompt_form(prompt, params)
        text = self.prompts.get(form)
        if text is None:
            raise UnknownText(f"{prompt}: no such prompt")
        return _fill(text, {name: self._spoken(prompt, name, params) for name in PLACEHOLDER.findall(text)})

    def prompt_form(self, prompt: str, params: Mapping[str, Any]) -> str:
        """Which of a prompt's forms is spoken: a key of `prompts`, or `prompt` itself where there is none."""
        if prompt == _SECONDS_LEFT and params.get("n") == 0:
            prompt = _NO_SECONDS_LEFT
        forms = FORMS.get(prompt, {})
        return next((form for fact, form in forms.items() if params.get(fact) is True), prompt)

    def render_call(self, params: Mapping[str, Any]) -> str:
        """What a call to a contact says; a test says first of all that it is one. Raises as `render_sms` does."""
        template = "call-test" if params.get("test") is True else "call"
        text = self.channels[template]
        return _fill(text, {name: self._value(template, name, params) for name in PLACEHOLDER.findall(text)})

    def render_line(self, template: str, params: Mapping[str, Any]) -> str:
        """SMS `template` as it is read aloud: without its signature and its reference. Raises as `render_sms` does."""
        text = self.sms.get(template)
        if text is None:
            raise UnknownText(f"{template}: no such SMS template")
        spoken = _UNSPOKEN.sub("", text)
        return _fill(spoken, {name: self._value(template, name, params) for name in PLACEHOLDER.findall(spoken)})

    def label(self, kind: str, key: str) -> str:
        """The words for `key`: `label("code", "CALL_FIXED")` is 固定按钮呼叫. A key we have no word for stays itself.

        Kinds: code, severity, state, outcome, location.
        """
        table = self.labels.get(kind)
        if table is None:
            raise UnknownText(f"label: expected one of {', '.join(sorted(self.labels))}")
        return table.get(key, key)

    def what(self, code: str) -> str:
        """What happened, to stand after a name and a time (S09, S22)."""
        return self.whats.get(code, self.words["what"])

    def kind(self, code: str) -> str:
        """What the detector found (S05)."""
        return self.kinds.get(code, self.words["kind"])

    def reason(self, code: str, params: Mapping[str, Any]) -> str:
        """Why an alarm moved, in one sentence. A code we have no sentence for, of another version, stays itself."""
        text = self.reasons.get(code)
        if text is None:
            return code
        known = {name: params.get(name, params.get(_ALIASES.get(name, name))) for name in PLACEHOLDER.findall(text)}
        return _fill(text, {name: self._value(code, name, known) for name in known})

    def why(self, code: str, evidence: Mapping[str, Any]) -> str:
        """Why an alarm of `code` was found, in one sentence: what was seen, and from where on it counts."""
        made = why.sentence(self.whys.get(code, ()), self.measures, evidence)
        return self.label("code", code) if made is None else made

    def _value(self, template: str, name: str, params: Mapping[str, Any]) -> str:
        """One parameter as text, checked; `house` is empty for the family."""
        given = params.get(name)
        if given is None or given == "":
            if name == "house":
                return ""
            if name == "time" and name in params:  # no clock could be trusted: nobody is told a wrong hour
                return self.words["recently"]
            raise MissingParameter(f"{template}: {name} is missing")
        made = _FORMATS.get(name, _plain)(given, self)
        if made is None or not made:
            raise UnfitParameter(f"{template}: {name} is not of the form it needs")
        if units(made) > self.limits[name] and name not in SHORTENED:
            raise TextTooLong(f"{template}: {name} has {units(made)} units, at most {self.limits[name]}")
        return made

    def _spoken(self, prompt: str, name: str, params: Mapping[str, Any]) -> str:
        given = params.get(name)
        if given is None and name in _DEFAULT_WORDS:
            given = self.words[_DEFAULT_WORDS[name]]
        if given is None:
            raise MissingParameter(f"{prompt}: {name} is missing")
        made = _whole(given, 99) if name == "n" else _plain(given, self)
        if not made:
            raise UnfitParameter(f"{prompt}: {name} is not of the form it needs")
        return made


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Replaces every placeholder once; what a value holds is never read as a placeholder."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _cut(text: str, most: int) -> str:
    """The beginning of `text` within `most` units, never half a character."""
    while units(text) > most:
        text = text[:-1]
    return text


def _plain(value: Any, _: Catalogue) -> str | None:
    """Text without line ends or invisible characters: a label must not change the shape of a message."""
    return "".join(c for c in value if c.isprintable()).strip() if isinstance(value, str) else None


def _whole(value: Any, most: int) -> str | None:
    """A count, rounded down: "12 hours" must not be claimed of 11.9."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        return None
    return str(int(value))


def _clock(value: Any, _: Catalogue) -> str | None:
    return value if isinstance(value, str) and _HH_MM.fullmatch(value) else None


def _reference(value: Any, _: Catalogue) -> str | None:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text.zfill(2) if _REFERENCE.fullmatch(text) else None


def _date(value: Any, catalogue: Catalogue) -> str | None:
    found = _ISO_DATE.fullmatch(value) if isinstance(value, str) else None
    return _fill(catalogue.date, {"month": found[1], "day": found[2]}) if found else None


def _hours(value: Any, _: Catalogue) -> str | None:
    return _whole(value, 999)


def _minutes(value: Any, _: Catalogue) -> str | None:
    return _whole(value, 9999)


_FORMATS: Final[dict[str, Callable[[Any, Catalogue], str | None]]] = {
    "time": _clock,
    "date": _date,
    "ref": _reference,
    "hours": _hours,
    "mins": _minutes,
}


def read(language: str, document: Mapping[str, Any]) -> Catalogue:
    """Checks a catalogue and returns it; raises `BadCatalogue` with every problem found.

    Each SMS must fit one message with every placeholder at its worst, so that rendering never fails for length alone.
    """
    problems = problems_of(document)
    if problems:
        raise BadCatalogue(language, problems)
    return Catalogue(
        language=language,
        date=document["meta"]["date"],
        limits=limits_of(document),
        sms=document["sms"],
        prompts=document["prompts"],
        channels=document["channels"],
        words=document["words"],
        kinds=document["kind"],
        whats=document["what"],
        reasons=document["reasons"],
        measures=document["measures"],
        whys=document["why"],
        labels=document["labels"],
    )


@cache
def load(language: str = DEFAULT_LANGUAGE) -> Catalogue:
    """The catalogue of `language` from the package data, checked once. Raises `BadCatalogue`, `FileNotFoundError`."""
    document = tomllib.loads((files("gateway.alarms") / "texts" / f"{language}.toml").read_text(encoding="utf-8"))
    return read(language, document)


def render_sms(template: str, params: Mapping[str, Any], language: str = DEFAULT_LANGUAGE) -> str:
    """`Catalogue.render_sms` of the default language."""
    return load(language).render_sms(template, params)


def render_prompt(prompt: str, params: Mapping[str, Any], language: str = DEFAULT_LANGUAGE) -> str:
    """`Catalogue.render_prompt` of the default language."""
    return load(language).render_prompt(prompt, params)


def label(kind: str, key: str, language: str = DEFAULT_LANGUAGE) -> str:
    """`Catalogue.label` of the default language."""
    return load(language).label(kind, key)


def what(code: str, language: str = DEFAULT_LANGUAGE) -> str:
    """`Catalogue.what` of the default language."""
    return load(language).what(code)


def reason(code: str, params: Mapping[str, Any], language: str = DEFAULT_LANGUAGE) -> str:
    """`Catalogue.reason` of the default language."""
    return load(language).reason(code, params)


EXPLAINED_IN: Final = {"zh": "zh_CN", "en": "en"}
"""Every alarm is explained in these, whatever language the home speaks."""


def explain(code: str, evidence: Mapping[str, Any]) -> dict[str, str]:
    """Why an alarm was found, one sentence in each language; names nobody."""
    return {short: load(language).why(code, evidence) for short, language in EXPLAINED_IN.items()}
