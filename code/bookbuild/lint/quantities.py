"""Which words of a sentence state a measured quantity: decimals, shares, multiples, counts with a unit.

A bare whole number is harmless ("two cores", "Part 4", "5-way"); a number that an experiment could
have given is not. Names and versions, intervals of a stated level, folds of a cross-validation and
instructions ("repeat it three times") are taken out first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SMALL = "two|three|four|five|six|seven|eight|nine"
TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
BIG = rf"(?:(?:a|one|{SMALL}|{TEENS}|{TENS}) )?(?:hundred|thousand|million)"
WORD = rf"(?:(?:{TENS})(?:-(?:one|{SMALL}))?|{TEENS}|{SMALL}|{BIG})"
DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
NUMBER = rf"(?:{DIGITS}|{WORD})"
MORE = (
    "faster|slower|better|worse|higher|lower|larger|smaller|bigger|fewer|more|less|shorter|longer|cheaper|dearer|"
    "greater|deeper|wider|narrower|quicker|costlier|stronger|weaker|nearer|closer|earlier|later"
)
CLOCK = r"(?:seconds?|secs?|milliseconds?|ms|microseconds?|nanoseconds?|minutes?|hours?|days?|weeks?)"
EFFORT = (
    r"(?:trials?|epochs?|seeds?|iterations?|evaluations?|episodes?|runs?|fits?|steps?|generations?|updates?|"
    r"MB|GB|kB|KB|megabytes?|gigabytes?|watts?|kWh|points?)"
)
SIZE = r"(?:rows?|images?|examples?|samples?|parameters?|texts?|documents?|features?|records?|weights?|tokens?|models?)"
RESULT = (
    r"(?:accurac(?:y|ies)|errors?|loss(?:es)?|scores?|regrets?|AUC|F1|RMSE|MSE|MAE|R2|precision|recall|costs?|"
    r"run ?time|latency|latencies|variance|memory|speed|speed-?up|saving|correlation)"
)
BE = r"(?:is|are|was|were|of|at|reaches|reached|about|around|near|nearly|to|only|=|:|above|below|under|over|than)"
NAMES = (
    r"Python|PyTorch|NumPy|pandas|SciPy|scikit-learn|Optuna|Ray|Jupyter(?: Book|Lab)?|Sphinx|MyST(?:-NB)?|Java|CUDA|"
    r"TensorFlow|Keras|Matplotlib|Altair|Vega(?:-Lite)?|Apache|BSD|GPL|LGPL|MIT|BY(?:-NC)?(?:-SA)?|[Vv]ersions?|v|"
    r"[Ss]ections?|[Cc]hapters?|[Pp]arts?|[Ff]igures?|[Ff]ig\.|[Tt]ables?|[Ee]quations?|[Ee]xercises?|[Rr]eleases?|"
    r"[Aa]lgorithms?|[Tt]heorems?|[Dd]efinitions?|[Ll]emmas?|[Pp]roblems?|"
    r"WCAG|EPUB|HTML|PDF|Unicode"
)

HARMLESS = [
    rf"\b(?:{NAMES})[ -]?\d+(?:\.\d+)*(?:\.\w+)?(?:\s*(?:,|and|or|to|-)\s*\d+(?:\.\d+)*)*",
    r"\bv?\d+\.\d+\.\d+(?:\.\w+)*",
    r"\b(?:100|9\d(?:\.\d+)?)\s?(?:%|per ?cent)[ -](?:\w+ ){0,2}(?:intervals?|bands?|confidence|levels?|CIs?)\b",
    r"\b(?:level|confidence)(?: of| =)? (?:100|9\d(?:\.\d+)?)\s?(?:%|per ?cent\b)",
    r"\b\d+(?:\.\d+)?(?:st|nd|rd|th) percentiles?",
    rf"\b{NUMBER}[ -]?fold (?:cross|stratified|CV|split|repeated|grouped|nested)",
    r"\b(?:first|second|other|left|right|upper|lower|top|bottom|better|worse|each|either|both) hal(?:f|ves)\b",
    r"\bhalf-\w+",
    r"\b(?:many|few|several|some) (?:hundred|thousand|million)s?\b",
    r"\bper (?:hundred|thousand|million|100|1,000|10,000)\b",
    r"\b(?:step|line|page|row|column|cell|rule|item|stage|phase|rung|bracket|level|fold|layer|question) \d+\b",
    rf"\b(?:re)?(?:repeat|run|do|read|try|draw|call|fit|train|split|measure|evaluate)\w*(?: \w+){{0,4}} "
    rf"(?:twice|{NUMBER} times)(?=\s*(?:[.,;:)]|$|(?:and|with|in|on|from|over)\b))",
    r"\b(?:not|never) twice(?=\s*[.,;:)]|$)",
    rf"\b{NUMBER} times {NUMBER}\b",
]

PATTERNS = [
    ("share", rf"\b{NUMBER}\s?(?:%|per ?cent\b|percentage points?\b)"),
    ("share", rf"\b{NUMBER} (?:out )?of (?:the |every |all )?{NUMBER}\b|\bone (?:in|out of) {NUMBER}\b"),
    ("share", r"\b(?:a|one|two|three|\d) ?-?(?:third|quarter|fifth|tenth)s? (?:of|as|the|fewer|less|more)\b"),
    ("share", r"\bby (?:a|one|two|three) ?-?(?:third|quarter|fifth|tenth)s?\b|\b(?:two|three)[ -](?:third|quarter)s\b"),
    (
        "share",
        r"\b(?:to|about|only|than|nearly|almost|over|under|roughly|costs?|takes?|needs?) (?:a|one|two|three)[ -]"
        r"(?:third|quarter|fifth|tenth)s?\b|[½⅓⅔¼¾]",
    ),
    ("share", rf"\b{DIGITS} of (?:the|its|their|our|these|those)\b"),
    ("share", r"\b(?:half|halves)\b(?= (?:as|the|of|that|its|their|a|an|what|again|to|and|so)\b|\s*(?:[.,;:)]|$))"),
    ("share", r"\b(?:by|in|about|almost|nearly|only|than|over|under|costs?|takes?|needs?|at|one and a) half\b"),
    ("multiple", rf"\b{DIGITS}\s?(?:x|×|X)(?![\w]|\s?\d)"),
    ("multiple", rf"\b(?:{NUMBER}) ?-?times\b|\bmany times (?:as|{MORE})\b|\b{NUMBER}[ -]?fold\b"),
    ("multiple", rf"\btwice (?:as|the|that|what|its|their|{MORE})\b"),
    ("multiple", r"\b(?:than|about|almost|nearly|over|under|needs?|costs?|takes?|roughly|only) twice\b"),
    (
        "multiple",
        rf"\b(?:doubl|tripl|quadrupl)(?:es|ed|ing)\b(?=[\w ]{{0,20}}\b{RESULT})|\bhal(?:ves|ved|ving)\b"
        rf"(?=[\w ]{{0,20}}\b{RESULT})|\b{RESULT} (?:doubles|triples|halves|quadruples)\b",
    ),
    ("multiple", rf"\b(?:{MORE}|doubled?|triple) by {NUMBER}\b|\bdouble (?:the|that|its|their|what)\b"),
    ("multiple", rf"\bfactors? of (?:about |around |nearly |almost |roughly |over |more than )?{NUMBER}\b"),
    ("multiple", r"\b(?:than|about|almost|nearly|over|roughly) (?:double|triple)\b"),
    (
        "multiple",
        rf"\borders? of magnitude (?:{MORE})\b|\b(?:by|than|about|nearly|almost) "
        r"(?:(?:an|one|two|three|several|\d) )?orders? of magnitude\b",
    ),
    ("change", rf"\b(?:gain|lose|improve|drop|fall|rise|save|grow|shrink)(?:s|d|ed|n)?(?: by)? {DIGITS}\b(?:\s?%)?"),
    ("count", rf"\b(?:{DIGITS}|{WORD})[ -]{CLOCK}\b|\b{DIGITS} ?(?:s|ms|µs)\b"),
    ("count", rf"\b(?:{DIGITS}|(?!two (?!hundred|thousand|million)){WORD})[ -]{EFFORT}\b"),
    ("count", rf"\b(?:\d{{1,3}}(?:,\d{{3}})+|\d{{3,}}|(?:a |one )?(?:hundred|thousand|million))[ -](?:\w+ )?{SIZE}\b"),
    ("result", rf"\b{RESULT} (?:{BE} ){{1,3}}(?!0\b|1\b|100\b|\d{{4}}\b){DIGITS}"),
    ("decimal", r"(?<![\w.])[-+]?(?![01]\.0+\b)\d+\.\d+(?:e[-+]?\d+)?(?![\w]|\.\d)"),
    ("decimal", r"(?<![\w.])\d+(?:\.\d+)?e[-+]?\d+\b"),
]
_HARMLESS = [re.compile(HARMLESS[0]), *(re.compile(pattern, re.IGNORECASE) for pattern in HARMLESS[1:])]
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE if kind != "decimal" else 0)) for kind, pattern in PATTERNS]


def measured(sentence: str) -> Iterator[tuple[int, str, str]]:
    """Places, words and kinds of the measured quantities in a sentence, from left to right, none twice.

    Roles, code and mathematics must have been blanked out of the sentence before.
    """
    text = sentence
    for pattern in _HARMLESS:
        text = pattern.sub(lambda found: "¤" * len(found[0]), text)
    found = [(m.start(), m.end(), m[0].strip(), kind) for kind, pattern in _PATTERNS for m in pattern.finditer(text)]
    last = -1
    for start, end, words, kind in sorted(found, key=lambda item: (item[0], -item[1])):
        if start >= last:
            yield start, words, kind
            last = end
