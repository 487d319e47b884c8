"""Measurements in time that statsmodels ships: from sunspots, the sea and the Nile to an economy and births."""

from __future__ import annotations

import pandas as pd

from mldev.datasets_types import Dataset, Series


def sunspots() -> Series:
    """Sunspots per year, 1700 to 2008."""
    from statsmodels.datasets import sunspots as packaged

    frame = packaged.load_pandas().data
    return Series(
        _dated(frame["SUNACTIVITY"], frame["YEAR"], "YS").rename("sunspots"),
        "sunspots",
        season=11,
    )


def co2() -> Series:
    """Carbon dioxide above Mauna Loa per week, 1958 to 2001, with the weeks that were not measured."""
    from statsmodels.datasets import co2 as packaged

    values = packaged.load_pandas().data["co2"]
    return Series(values.asfreq("W-SAT"), "parts per million by volume", season=52)


def elnino() -> Series:
    """Sea surface temperature per month, 1950 to 2010."""
    from statsmodels.datasets import elnino as packaged

    frame = packaged.load_pandas().data
    months = (
        frame.drop(columns="YEAR").to_numpy().ravel()
    )  # a row is a year of twelve months
    index = pd.date_range(
        f"{int(frame['YEAR'].iloc[0])}-01-01", periods=len(months), freq="MS"
    )
    return Series(
        pd.Series(months, index=index, name="temperature"), "degrees Celsius", season=12
    )


def nile() -> Series:
    """Flow of the Nile at Aswan per year, 1871 to 1970."""
    from statsmodels.datasets import nile as packaged

    frame = packaged.load_pandas().data
    return Series(
        _dated(frame["volume"], frame["year"], "YS"),
        "10^8 cubic metres a year",
        season=None,
    )


def macrodata() -> Series:
    """Twelve quarterly figures of the economy of the United States, 1959 to 2009."""
    from statsmodels.datasets import macrodata as packaged

    frame = packaged.load_pandas().data
    return Series(
        _dated(frame.drop(columns=["year", "quarter"]), frame["year"], "QS"),
        "as named by column",
        season=4,
    )


def fertility() -> Series:
    """Births per woman in 219 countries and territories, 1960 to 2011, with the gaps of the source."""
    from statsmodels.datasets import fertility as packaged

    frame = packaged.load_pandas().data.set_index("Country Name")
    years = [name for name in frame if name.isdigit() and frame[name].notna().any()]
    values = frame[years].T.rename_axis(columns=None)
    return Series(
        _dated(values, pd.Series(years), "YS"), "births per woman", season=None
    )


def _dated(
    values: pd.Series | pd.DataFrame, years: pd.Series, freq: str
) -> pd.Series | pd.DataFrame:
    return values.set_axis(
        pd.date_range(f"{int(years.iloc[0])}-01-01", periods=len(values), freq=freq)
    )


STATSMODELS = "distributed inside statsmodels under its BSD 3-Clause licence"
PUBLIC_DOMAIN = f"public domain (as the package states); {STATSMODELS}"

ENTRIES = (
    Dataset(
        name="sunspots",
        title="Yearly sunspots",
        description=(
            "The number of sunspots, year by year. It rises and falls in a cycle of about eleven years that is never "
            "quite regular: a seasonal forecast is a strong baseline, and beatable. `season` is set to 11."
        ),
        source="National Geophysical Data Center; statsmodels.datasets",
        licence=PUBLIC_DOMAIN,
        size=(309, 1),
        kind="series",
        sensitive=(),
        load=sunspots,
        task="forecasting",
    ),
    Dataset(
        name="co2",
        title="Carbon dioxide above Mauna Loa",
        description=(
            "Weekly concentration of carbon dioxide in the air: a steady rise with a yearly wave on it, and weeks "
            "without a measurement, which are kept as gaps."
        ),
        source="C. D. Keeling and T. P. Whorf, Carbon Dioxide Information Analysis Center (2004); statsmodels.datasets",
        licence=PUBLIC_DOMAIN,
        size=(2284, 1),
        kind="series",
        sensitive=(),
        load=co2,
        task="forecasting",
    ),
    Dataset(
        name="elnino",
        title="Sea surface temperature, El Nino region 1+2",
        description=(
            "Monthly mean temperature of the Pacific off South America: a strong yearly season, and every few years a "
            "warm spell that breaks it, which is what a detector of unusual months should find."
        ),
        source="NOAA, National Weather Service, ERSST.V3B; statsmodels.datasets",
        licence=PUBLIC_DOMAIN,
        size=(732, 1),
        kind="series",
        sensitive=(),
        load=elnino,
        task="forecasting",
    ),
    Dataset(
        name="nile",
        title="Flow of the Nile",
        description=(
            "A hundred years of the river's yearly flow at Aswan. Around 1898 the level drops for good, so it is a "
            "real series on which a change detector can be tried without anyone having planted the change."
        ),
        source="G. W. Cobb, The problem of the Nile, Biometrika 65 (1978); statsmodels.datasets",
        licence=PUBLIC_DOMAIN,
        size=(100, 1),
        kind="series",
        sensitive=(),
        load=nile,
        task="forecasting",
    ),
    Dataset(
        name="macrodata",
        title="Economy of the United States",
        description=(
            "Gross domestic product, consumption, investment, prices, money, interest and unemployment, quarter by "
            "quarter: several series that move together, for forecasting with more than one input."
        ),
        source="Federal Reserve Bank of St. Louis (FRED) and Bureau of Labor Statistics; statsmodels.datasets",
        licence=PUBLIC_DOMAIN,
        size=(203, 12),
        kind="series",
        sensitive=(),
        load=macrodata,
        task="forecasting",
    ),
    Dataset(
        name="fertility",
        title="Births per woman, by country",
        description=(
            "The total fertility rate, year by year, one column for each of 219 countries and territories under the "
            "names that the World Bank uses: for joining with tables that spell the same countries otherwise."
        ),
        source="World Bank, World Development Indicators (SP.DYN.TFRT.IN); statsmodels.datasets",
        licence=f"under the World Bank's terms of use (as the package states); {STATSMODELS}",
        size=(52, 219),
        kind="series",
        sensitive=(),
        load=fertility,
        task="forecasting",
    ),
)
