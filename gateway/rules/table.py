"""All rules of a home, in the order they are asked. A new rule is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.rules.bed_absence import BedAbsence
from gateway.rules.call_button import CallButton
from gateway.rules.civil import CivilTime
from gateway.rules.clock_watch import ClockWatch
from gateway.rules.daily_line import DailyLine
from gateway.rules.daily_summary import DailySummary
from gateway.rules.device_condition import DeviceCondition
from gateway.rules.door_left_open import DoorLeftOpen
from gateway.rules.door_not_used import DoorNotUsed
from gateway.rules.fall.model import Model
from gateway.rules.fall.rule import Fall
from gateway.rules.geofence import Geofence
from gateway.rules.hazard import Hazard
from gateway.rules.high_water_use import HighWaterUse
from gateway.rules.inactivity import Inactivity
from gateway.rules.leak import Leak
from gateway.rules.low_water_preset import LowWaterPreset
from gateway.rules.meter_health import MeterHealth
from gateway.rules.night_exit import NightExit
from gateway.rules.power_low_use import PowerLowUse
from gateway.rules.reminders import Reminders
from gateway.rules.roll_call import RollCall
from gateway.rules.room_overstay import RoomOverstay
from gateway.rules.room_temperature import RoomTemperature
from gateway.rules.rule import Rule
from gateway.rules.standby import Standby
from gateway.rules.stove import Stove
from gateway.rules.stuck_button import StuckButton
from gateway.rules.supervision import Supervision
from gateway.rules.technical import TechnicalConditions
from gateway.rules.upkeep import Upkeep
from gateway.rules.visits import Visits
from gateway.rules.vital_trend import VitalTrend
from gateway.rules.vitals import Vitals
from gateway.rules.water_low_use import WaterLowUse
from gateway.rules.welfare import Welfare


def all_rules(civil: CivilTime, fall_models: Mapping[str, Model] | None = None) -> tuple[Rule, ...]:
    """Fresh rules. `civil` is the controller's; rules read it and never change it. `fall_models`: see `Fall`."""
    # a call is decided first: nothing another rule does can stand before it
    return (
        CallButton(),
        Supervision(),
        TechnicalConditions(),
        Inactivity(civil),
        Reminders(civil),
        DailyLine(civil),
        RollCall(),
        Hazard(),
        RoomTemperature(),
        Stove(),
        Vitals(),
        VitalTrend(),
        Leak(),
        HighWaterUse(),
        LowWaterPreset(civil),
        WaterLowUse(civil),
        PowerLowUse(civil),
        MeterHealth(),
        DeviceCondition(),
        StuckButton(),
        Standby(),
        Upkeep(civil),
        Welfare(civil),
        BedAbsence(civil),
        RoomOverstay(civil),
        DoorNotUsed(civil),
        NightExit(civil),
        DoorLeftOpen(civil),
        Geofence(),
        ClockWatch(civil),
        Visits(civil),
        DailySummary(civil),
        Fall(civil, fall_models),
    )
