"""Which task class each intent of the public sets belongs to.

Decided by what answering takes, not by topic: see :class:`voice.route.labels.Task`. Lists and orders are commands to an app;
the clock and the calendar are one class; whatever one lookup answers is short factual, also when it is a film's starting
time; what concerns an account at a bank, an employer or an insurer is out of scope, because a household's assistant has no
access to it.
"""

from voice.route.labels import Task

_CLINC = {
    Task.DEVICE_COMMAND: """accept_reservations book_flight book_hotel call_contact cancel_reservation car_rental
        change_accent
        change_ai_name change_language change_speed change_user_name change_volume confirm_reservation find_phone
        gas last_maintenance make_call next_song oil_change_when order order_status play_music reminder_list
        reset_settings restaurant_reservation schedule_maintenance share_location shopping_list shopping_list_update
        smart_home sync_device text tire_pressure todo_list todo_list_update uber update_playlist whisper_mode mpg
        what_song cancel travel_alert_app""",
    Task.TIMER_CALENDAR: """alarm calendar calendar_update date meeting_schedule next_holiday reminder reminder_update
        schedule_meeting
        time timer timezone""",
    Task.SHORT_FACTUAL: """calculator calories current_location definition directions distance exchange_rate
        flight_status gas_type
        how_busy measurement_conversion nutrition_info plug_type restaurant_reviews restaurant_suggestion spelling
        traffic weather cook_time food_last ingredients_list travel_alert international_visa vaccines""",
    Task.CHIT_CHAT: """are_you_a_bot do_you_have_pets flip_coin fun_fact goodbye greeting how_old_are_you maybe
        meaning_of_life no
        repeat roll_dice tell_joke thank_you user_name what_are_your_hobbies what_can_i_ask_you what_is_your_name
        where_are_you_from who_do_you_work_for who_made_you yes""",
    Task.EXTRACTION: "translate",
    Task.WORLD_KNOWLEDGE: """improve_credit_score ingredient_substitution jump_start meal_suggestion oil_change_how
        recipe tire_change
        travel_suggestion""",
    Task.OUT_OF_SCOPE: """account_blocked application_status apr balance bill_balance bill_due card_declined carry_on
        credit_limit
        credit_limit_change credit_score damaged_card direct_deposit expiration_date freeze_account income insurance
        insurance_change interest_rate international_fees lost_luggage min_payment new_card oos order_checks
        pay_bill payday pin_change pto_balance pto_request pto_request_status pto_used redeem_rewards
        replacement_card_duration report_fraud report_lost_card rewards_balance rollover_401k routing
        spending_history taxes transactions transfer travel_notification w2""",
}

_HWU = {
    Task.DEVICE_COMMAND: """audio_volume_down audio_volume_mute audio_volume_up email_addcontact email_query
        email_querycontact
        email_sendemail general_commandstop iot_cleaning iot_coffee iot_hue_lightchange iot_hue_lightdim
        iot_hue_lightoff iot_hue_lighton iot_hue_lightup iot_wemo_off iot_wemo_on cleaning hue_lightoff hue_lightup
        lists_createoradd lists_query lists_remove music_likeness music_dislikeness music_query music_settings
        likeness music play_audiobook play_game play_music play_podcasts podcasts play_radio social_post post
        social_query takeaway_order transport_taxi transport_ticket""",
    Task.TIMER_CALENDAR: """alarm_query alarm_remove alarm_set calendar_query calendar_remove calendar_set datetime_convert
        datetime_query""",
    Task.SHORT_FACTUAL: """news_query qa_currency qa_definition qa_factoid factoid qa_maths qa_stock recommendation_events
        recommendation_locations recommendation_movies takeaway_query transport_query transport_traffic
        weather_query""",
    Task.CHIT_CHAT: """general_affirm general_confirm general_dontcare general_explain general_joke general_negate
        general_praise
        general_quirky general_repeat general_greet greet quirky""",
    Task.WORLD_KNOWLEDGE: "cooking_recipe cooking_query",
}

_SNIPS = {
    Task.DEVICE_COMMAND: "AddToPlaylist BookRestaurant PlayMusic RateBook SearchCreativeWork",
    Task.SHORT_FACTUAL: "GetWeather SearchScreeningEvent",
}

_SPEC_BENCH = {
    Task.EXTRACTION: "translation summarization rag",
    Task.SHORT_FACTUAL: "qa",
    Task.REASONING: "math_reasoning",
}


def _inverted(groups: dict[Task, str]) -> dict[str, Task]:
    return {intent: task for task, intents in groups.items() for intent in intents.split()}


INTENTS: dict[str, dict[str, Task]] = {
    "clinc150": _inverted(_CLINC),
    "hwu64": _inverted(_HWU),
    "slurp_devel": _inverted(_HWU),
    "snips": _inverted(_SNIPS),
    "spec_bench": _inverted(_SPEC_BENCH),
}
"""Source → intent (or category) → class. An intent that is not here has no class and trains no task head."""

WHOLE_SOURCE: dict[str, Task] = {
    "banking77": Task.OUT_OF_SCOPE,
    "nq_open_dev": Task.SHORT_FACTUAL,
    "home_assistant": Task.DEVICE_COMMAND,
}
"""Sources of one class. (The few questions for the weather and the time among home_assistant's are told apart by word.)"""

HELD_OUT = frozenset({"snips", "home_assistant", "seed_tasks"})
"""Whole sources that no step trains on: they measure what the classes are worth on text of another kind."""


def home_assistant_task(text: str) -> Task:
    """The class of a sentence of home_assistant, which has no intents."""
    words = set(text.lower().replace("?", " ").replace("'s", " ").split())
    if words & {"weather", "forecast"}:
        return Task.SHORT_FACTUAL
    if words & {"timer", "timers", "date", "day", "time", "alarm"}:
        return Task.TIMER_CALENDAR
    return Task.DEVICE_COMMAND


_SEED_LETTERS = (
    "WELL-WLWLWWLWE--WLLWL-RWL-EHCL-CWLWR-C-ELCEE-R-L--CE-EW---SLSCEHE-EE-C-WCWL-L-E-L-WR-EL-SL-L-HEW-EE-"
    "LEWW---WERSW--E-WEWL-LE-L-EW-L-WEW-ERECCCCWWRLW-EEEEE-EREECE--E--EEEEEEEEE-"
)
_LETTER = {
    "E": Task.EXTRACTION,
    "R": Task.REASONING,
    "C": Task.CODE,
    "L": Task.LONG_FORM,
    "W": Task.WORLD_KNOWLEDGE,
    "S": Task.SHORT_FACTUAL,
    "H": Task.CHIT_CHAT,
}
SEED_TASKS = tuple(_LETTER.get(letter) for letter in _SEED_LETTERS)
"""The class of each row of seed_tasks, labelled by hand; None where two classes would do."""
