"""The printable page of one incident (应急处置记录): HTML without script or anything from elsewhere, for A4.

Pure. Names are filled in only where the caller hands them over; the record itself holds ids.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from gateway.alarms.proofread import PLACEHOLDER
from gateway.alarms.why import scalars
from gateway.alarms.words import Catalogue, explain
from gateway.incidents.story import FollowUpKind, Incident

SHANGHAI: Final = timezone(timedelta(hours=8))
NOT_ON_RECORD: Final = "未记录"
_FOLLOW_UPS: Final[dict[FollowUpKind, str]] = {
    FollowUpKind.HAZARD_REMOVAL: "风险隐患排除情况",
    FollowUpKind.URGENT_NEED_RELIEF: "急需困难缓解情况",
    FollowUpKind.REFERRAL_FULFILMENT: "转介服务落实情况",
}
_RESULTS: Final = {"DONE": "已落实", "NOT_YET": "尚未落实", "NOT_NEEDED": "不需要"}
_ASKED: Final = {
    "say": "播报",
    "text": "短信",
    "call": "电话",
    "push": "推送",
    "publish": "上报平台",
    "siren": "警报声",
}
_TRUST: Final = {"NONE": "没有依据", "RTC": "主机时钟", "PHONE": "手机", "GNSS": "卫星", "NTP": "网络"}
_DONE: Final = {  # what happened with a contact, whose id is the reason of such a step
    "told": "通知{who}",
    "sent": "",  # the delivery beside it says so
    "unsendable": "改通知下一位",
    "declined": "记下{who}去不了",
    "puzzled": "看不懂{who}的回复",
    "redialled": "再打一次给{who}",
    "informed": "告知{who}",
    "answered": "{who}应答了测试",
    "unanswered": "{who}没有应答测试",
}
_ANSWERS: Final = {"1": "能去", "2": "去不了", "arrived": "到了"}
_STAGES: Final = {"ACCEPTED": "接手", "ATTENDED": "到场", "CLOSED": "结束"}
_RESULTS_OF: Final = {
    "sent": "已发出",
    "delivered": "已送达",
    "failed": "没有发出",
    "answered": "已接通",
    "no_answer": "没有人接",
    "busy": "占线",
    "rejected": "被挂断",
    "withdrawn": "已不用打",
}
_VISIT: Final = {"arrived": "到达", "left": "离开", "follow_up": "回访"}
_KINDS: Final = {"button": "按键", "cancel": "取消键", "ok": "报平安", "command": "命令", "config": "设置"}
_SAID: Final = {"said": "已播报", "not_said": "没有播出"}
_STYLE: Final = (
    "body{font:15px/1.6 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;margin:2em auto;max-width:46em;color:#111}"
    "h1{font-size:1.4em}table{border-collapse:collapse;width:100%;margin:1em 0}"
    "td,th{border:1px solid #888;padding:.3em .6em;text-align:left;vertical-align:top}th{background:#f2f2f2;width:9em}"
    ".lines th{width:auto}.small{color:#555;font-size:.85em}@media print{body{margin:0}}"
)


def page(incident: Incident, words: Catalogue, names: Mapping[str, str], *, holds: bool, seal: str) -> str:
    """The page. `holds`: whether the archive's chain was found whole; `seal`: its last seal, for comparison."""
    made = _Page(words, names)
    title = f"应急处置记录 第{incident.summary.alarm}号"
    body = [
        f"<h1>{title}</h1>",
        made.facts(incident),
        made.follow_ups(incident),
        made.course(incident),
        made.legend(incident),
        f'<p class="small">记录封印 {html.escape(seal[:16])}…：{"校验完整" if holds else "校验不通过，详见 verify"}。'
        "本设备不是医疗器械，不能代替拨打120。</p>",
        "<p>处置人员（签字）：____________　　日期：____________</p>",
    ]
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


class _Page:
    def __init__(self, words: Catalogue, names: Mapping[str, str]) -> None:
        self._words, self._names = words, names

    def name(self, who: object) -> str:
        return self._names.get(str(who), str(who)) if who is not None else NOT_ON_RECORD

    def facts(self, incident: Incident) -> str:
        s, label = incident.summary, self._words.label
        why = explain(s.code, incident.evidence)
        rows = [
            ("类别", f"{label('code', s.code)}（{label('severity', s.severity)}）"),
            ("发生时间", f"{_local(s.opened_ms)}（时间依据：{_TRUST.get(incident.trust, incident.trust)}）"),
            ("位置", self.name(incident.room) if incident.room else NOT_ON_RECORD),
            ("设备", incident.device or NOT_ON_RECORD),
            ("判断依据", why["zh"]),
            ("Why", why["en"]),
            ("判断数据", data_of(incident.evidence)),
            ("应急呼叫", self.emergency_call(incident.emergency_call)),
            ("接手", f"{self.name(incident.accepted_by)} {_local(s.accepted_ms)}"),
            ("到场", self.name(incident.attended_by)),
            ("状态", label("state", s.state)),
            ("结果", f"{label('outcome', s.outcome)} {_local(s.closed_ms)}" if s.outcome else "未结束"),
            ("结束人", self.name(incident.closed_by)),
        ]
        return _table(rows)

    def emergency_call(self, call: dict[str, Any] | None) -> str:
        if call is None:
            return NOT_ON_RECORD
        if "not_needed" in call:
            return f"未拨打：{call['not_needed']}"
        return f"{self.name(call.get('by'))} 拨打 {call.get('number')} {call.get('at', '')}".strip()

    def follow_ups(self, incident: Incident) -> str:
        if not incident.follow_ups:
            return ""
        rows = [
            (
                _FOLLOW_UPS[f.kind],
                (f"应于 {f.due_on} 前" if f.open else "")
                + (f"{_RESULTS.get(f.result, f.result)}（{self.name(f.by)}）" if f.result else ""),
            )
            for f in incident.follow_ups
        ]
        return "<h2>跟踪回访</h2>" + _table(rows)

    def course(self, incident: Incident) -> str:
        rows = [
            (_clock(body), "；".join(text for text in self.sentences(incident, body) if text))
            for body in incident.lines
        ]
        return '<h2>经过</h2><div class="lines">' + _table([row for row in rows if row[1]]) + "</div>"

    def legend(self, incident: Incident) -> str:
        """What the prompts and texts named in the course say; … stands for a name, an hour or a place."""
        asked = (row for body in incident.lines for row in body.get("asked", ()) if row[3] == incident.summary.alarm)
        used = sorted({str(row[1]) for row in asked if row[0] in ("say", "text", "push")})
        says = ((word, self._words.prompts.get(word) or self._words.sms.get(word)) for word in used)
        rows = [(word, PLACEHOLDER.sub("…", text.replace("{house}", ""))) for word, text in says if text]
        return f"<h2>所用语句</h2>{_table(rows)}" if rows else ""

    def sentences(self, incident: Incident, body: dict[str, Any]) -> list[str]:
        """What one line says, in words."""
        number, made = incident.summary.alarm, list[str]()
        seen = body.get("seen")
        if isinstance(seen, dict):
            made.append(self.seen(number, seen))
        ours = (event for event in body.get("decided", ()) if event.get("alarm") == number)
        made.extend(self.decided(incident, event) for event in ours)
        for kind, word, to, alarm in body.get("asked", ()):
            if alarm == number:
                made.append(
                    f"{_ASKED.get(kind, kind)} {word or ''} {self.name(to) if kind in ('text', 'call') else ''}"
                )
        if any(row[1] == number for row in body.get("received", ())):
            made.append("平台已收到")
        return [text.strip() for text in made]

    def seen(self, number: int, seen: dict[str, Any]) -> str:
        value = seen.get("value")
        if seen["kind"] == "reply" and isinstance(value, dict):
            answer = _ANSWERS.get(str(value.get("answer")), "其他内容")
            return f"{self.name(value.get('contact'))} 回复：{answer}"
        if seen["kind"] == "ack" and isinstance(value, dict):
            return f"{self.name(value.get('by'))}：{_STAGES.get(str(value.get('stage')), value.get('stage'))}"
        if isinstance(value, dict) and isinstance(value.get("said"), list):
            rows = (row for row in value["said"] if isinstance(row, list) and len(row) == 3 and row[0] == number)
            return "、".join(f"{_SAID.get(str(how), how)} {prompt}" for _, prompt, how in rows)
        if seen["kind"] == "delivery" and isinstance(value, dict):
            way = {"sms": "短信", "call": "电话", "push": "推送"}.get(str(value.get("channel", "sms")), "")
            result = _RESULTS_OF.get(str(value.get("result")), value.get("result"))
            return f"给{self.name(value.get('contact'))}的{way} {value.get('template') or ''} {result}"
        if seen["kind"] == "visit" and isinstance(value, dict):
            return f"{self.name(value.get('by'))} {_VISIT.get(str(value.get('event', 'arrived')), '')}"
        return f"{seen.get('device') or ''} {_KINDS.get(seen['kind'], seen['kind'])}"

    def decided(self, incident: Incident, event: dict[str, Any]) -> str:
        reason, what = str(event.get("reason")), str(event.get("what"))
        if what.startswith("call_"):
            return ""  # the delivery beside it says so
        if what in _DONE and reason not in self._words.reasons:
            return _DONE[what].format(who=self.name(reason))
        said = self._names.get(reason) or self._words.reason(reason, incident.evidence)
        state = event.get("state")
        return f"{self._words.label('state', state)}（{said}）" if state else said


def data_of(evidence: Mapping[str, Any]) -> str:
    """The evidence for engineers: every single number under its name; what is nested is in the JSON."""
    return "，".join(f"{name}={value}" for name, value in scalars(evidence).items()) or NOT_ON_RECORD


def _table(rows: list[tuple[str, str]]) -> str:
    cells = (f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{''.join(cells)}</table>"


def _local(ms: int | None) -> str:
    return "" if ms is None else datetime.fromtimestamp(ms / 1000, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _clock(body: dict[str, Any]) -> str:
    at = datetime.fromisoformat(str(body.get("at")))
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")
