"""Conversions of units, by pint. Only units with a name here are converted: pint reads units into any word."""

from functools import cache
from typing import TYPE_CHECKING, Any

from voice.skills import say
from voice.skills.skill import skill

if TYPE_CHECKING:
    import pint

_NAMES = {
    "meter": "metre metres meter meters",
    "kilometer": "kilometre kilometres kilometer kilometers km k's",
    "centimeter": "centimetre centimetres centimeter centimeters cm",
    "millimeter": "millimetre millimetres millimeter millimeters mm",
    "mile": "mile miles",
    "yard": "yard yards",
    "foot": "foot feet ft",
    "inch": "inch inches",
    "nautical_mile": "nautical_mile nautical_miles",
    "light_year": "light_year light_years",
    "kilogram": "kilogram kilograms kilo kilos kg",
    "gram": "gram grams g gramme grammes",
    "milligram": "milligram milligrams mg",
    "pound": "pound pounds lb lbs",
    "ounce": "ounce ounces oz",
    "stone": "stone stones",
    "ton": "ton tons us_ton us_tons",
    "metric_ton": "tonne tonnes metric_ton metric_tons",
    "liter": "litre litres liter liters l",
    "milliliter": "millilitre millilitres milliliter milliliters ml",
    "centiliter": "centilitre centilitres centiliter centiliters cl",
    "gallon": "gallon gallons us_gallon us_gallons",
    "imperial_gallon": "imperial_gallon imperial_gallons uk_gallon uk_gallons",
    "quart": "quart quarts",
    "pint": "pint pints",
    "imperial_pint": "imperial_pint imperial_pints uk_pint uk_pints",
    "cup": "cup cups",
    "tablespoon": "tablespoon tablespoons tbsp",
    "teaspoon": "teaspoon teaspoons tsp",
    "fluid_ounce": "fluid_ounce fluid_ounces",
    "second": "second seconds",
    "minute": "minute minutes",
    "hour": "hour hours",
    "day": "day days",
    "week": "week weeks",
    "year": "year years",
    "degree_Celsius": "celsius degrees_celsius degree_celsius centigrade degrees_centigrade",
    "degree_Fahrenheit": "fahrenheit degrees_fahrenheit degree_fahrenheit",
    "kelvin": "kelvin kelvins degrees_kelvin",
    "mile/hour": "miles_per_hour mile_per_hour mph miles_an_hour",
    "kilometer/hour": "kilometers_per_hour kilometres_per_hour kilometers_an_hour kilometres_an_hour kph kmh",
    "meter/second": "meters_per_second metres_per_second meters_a_second",
    "foot/second": "feet_per_second feet_a_second",
    "knot": "knot knots",
    "acre": "acre acres",
    "hectare": "hectare hectares",
    "foot**2": "square_foot square_feet",
    "meter**2": "square_meter square_meters square_metre square_metres",
    "kilometer**2": "square_kilometer square_kilometers square_kilometre square_kilometres",
    "mile**2": "square_mile square_miles",
    "inch**2": "square_inch square_inches",
    "foot**3": "cubic_foot cubic_feet",
    "meter**3": "cubic_meter cubic_meters cubic_metre cubic_metres",
    "inch**3": "cubic_inch cubic_inches",
    "bit": "bit bits",
    "byte": "byte bytes",
    "kilobyte": "kilobyte kilobytes",
    "megabyte": "megabyte megabytes",
    "gigabyte": "gigabyte gigabytes",
    "terabyte": "terabyte terabytes",
    "kilocalorie": "calorie calories kilocalorie kilocalories food_calories",
    "joule": "joule joules",
    "kilojoule": "kilojoule kilojoules",
    "kilowatt_hour": "kilowatt_hour kilowatt_hours",
    "watt": "watt watts",
    "kilowatt": "kilowatt kilowatts",
    "horsepower": "horsepower",
    "psi": "psi pounds_per_square_inch",
    "bar": "bar bars",
    "pascal": "pascal pascals",
    "kilopascal": "kilopascal kilopascals",
    "degree": "degree degrees",
    "radian": "radian radians",
}
_UNITS = {spoken.replace("_", " "): unit for unit, names in _NAMES.items() for spoken in names.split()}


@cache
def registry() -> "pint.UnitRegistry[Any]":
    """The registry, made at the first use: 0.4 s."""
    import pint

    return pint.UnitRegistry()


@skill(
    "how many {to} (is|are|are there|is there|do you have|make|equal|make up) [in] {amount} {of}",
    "how many {to} in {amount} {of}",
    "(convert|change|turn) {amount} {of} (to|into|in) {to}",
    "(what|how much) (is|are) {amount} {of} (in|to|into|as) {to}",
    "how (far|long|heavy|hot|cold|big|fast|tall|high|much|warm) (is|are) {amount} {of} in {to}",
    "{amount} {of} (in|to|into) {to}",
)
def convert(amount: float, of: str, to: str) -> str | None:
    """So many of one unit in another."""
    return converted(amount, of, to)


@skill(
    "how many {to} (is|are|are there|is there|do you have|make|equal|make up) [in] (a|an|one) {of}",
    "how many {to} in (a|an|one) {of}",
    "how (far|long|heavy|big|fast|tall|high|much) is (a|an|one) {of} in {to}",
    "what is (a|an|one) {of} in {to}",
)
def convert_one(of: str, to: str) -> str | None:
    """One of a unit in another."""
    return converted(1.0, of, to)


@skill("how many {to} (is|are|in|are in|are there in) half (a|an) {of}")
def convert_half(of: str, to: str) -> str | None:
    """Half of a unit in another."""
    return converted(0.5, of, to)


def converted(amount: float, of: str, to: str) -> str | None:
    """The sentence; ``None`` for units that are not known."""
    source, target = _UNITS.get(of), _UNITS.get(to)
    if "ounce" in (source, target) and {"cup", "pint", "quart", "gallon", "liter", "milliliter"} & {source, target}:
        source, target = (("fluid_ounce" if unit == "ounce" else unit) for unit in (source, target))
    if source is None or target is None:
        return None
    import pint

    units = registry()
    try:
        value = float(units.Quantity(amount, source).to(target).magnitude)
    except pint.DimensionalityError:
        return f"{of.capitalize()} and {to} do not measure the same thing."
    except (pint.errors.PintError, OverflowError):
        return None
    return f"{say.number(amount)} {of} is {say.rounded(value)} {to}."


SKILLS = (convert, convert_one, convert_half)
