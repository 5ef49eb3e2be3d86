"""Topics: boolean queries that say which mentions are about us, and what in them says so.

The language, in the order in which it binds:

============================  =========================================================================================
``word``                      a whole word, without regard to case and accents; what is joined by other signs
                              (``O'Brien``, ``follow-up``, ``a.example``) is a phrase of its words
``"two words"``               words that follow one another, whatever signs stand between; straight or curly quotes
``hosp*``                     every word that starts so, also as part of a phrase: ``"practice hosp*"``
``=Word``, ``="Two Words"``   in exactly this case and with these accents
``"❤"``                       an emoji or other sign beyond ASCII; it is no word: not part of a phrase, not near anything
``author:name``               a word, phrase or prefix in the author's name or handle
``site:news.example``         the host of the mention's URL, or a host below it
``lang:en``                   the language its platform gave, ``pt`` for ``pt-BR`` too
``kind:review``               post, comment, review or article
``stars<3``                   also ``<= > >= =``; 1 to 5
``source:`` ``location:``     the source's name, or the label of source or topic; whole, ``*`` at the end leaves it open
``ours:yes``, ``ours:no``     whether the organisation wrote it
``NOT a``                     a is absent; also true where a field is unknown. ``a NOT b`` is ``a AND NOT b``
``a NEAR/5 b``                within 5 words of each other (1: side by side), between terms or ORs of them; a chain
                              ``a NEAR/5 b NEAR/5 c`` holds where each is near the next
``a ONEAR/5 b``               the same, a first
``a AND b``, ``a b``          both; two operands side by side mean AND
``a OR b``                    one or both
============================  =========================================================================================

Operators are in capitals. Title and text are both searched, and no phrase or NEAR reaches from one into the other.
A query that only says what is not there is refused. What a word is: `monitor.topics.words`.
"""

from monitor.topics.fields import Field
from monitor.topics.index import Hit, Topics
from monitor.topics.lexer import QueryError
from monitor.topics.near import Link, Near
from monitor.topics.parser import parse
from monitor.topics.query import And, Not, Or, Query
from monitor.topics.terms import Exact, Phrase, Prefix, Symbol, Word

__all__ = [
    "And", "Exact", "Field", "Hit", "Link", "Near", "Not", "Or", "Phrase", "Prefix", "Query", "QueryError", "Symbol",
    "Topics", "Word", "parse",
]  # fmt: skip
