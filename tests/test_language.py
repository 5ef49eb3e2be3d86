"""The language of short texts: English that VADER can read, other languages by name, and None rather than a guess."""

import pytest

from monitor.assess.language import language

ENGLISH = [
    "Great!", "Worst ER ever", "Rude.", "Lovely staff", "Not impressed", "Dr. Example is the best", "10/10 would recommend",
    "Waited 3 hours!!!", "ok", "Thank you", "Never again.", "Professional and kind", "so clean", "OMG avoid",
    "The nurses were kind and the wait was short.", "My mother's operation went well, I can't thank them enough.",
    "Don\u2019t bother", "No", "On time. Good service.", "Knowledgeable dentist", "staff/parking awful",
    "@clinic your phone line is dead https://practice.example/x #fail", "I don't know why they closed the desk at noon",
    "Amazing 😀😀", "Die besten? No, the worst service I had", "Overpriced, slow, dirty", "Doctor was on the phone all the time",
]  # fmt: skip

FOREIGN = [
    ("es", "Muy mal servicio"),
    ("es", "El médico fue muy amable y me atendió rápido."),
    ("es", "Nunca más vuelvo, tres horas de espera."),
    ("es", "Gracias por todo, excelente atención"),
    ("fr", "Bonjour, très bon accueil"),
    ("fr", "Je recommande ce médecin, il est à l'écoute."),
    ("fr", "J'ai attendu trois heures aux urgences"),
    ("fr", "Merci beaucoup"),
    ("de", "Sehr nette Ärztin, kann ich nur empfehlen"),
    ("de", "Nie wieder! Drei Stunden gewartet."),
    ("de", "Die Praxis ist sauber und das Team sehr freundlich"),
    ("it", "Ottimo medico, molto gentile"),
    ("it", "Sono stata trattata molto male dal personale"),
    ("pt", "Péssimo atendimento, nunca mais volto"),
    ("pt", "O médico foi muito atencioso comigo"),
    ("nl", "Heel vriendelijke arts"),
    ("nl", "Drie uur moeten wachten, nooit meer"),
    ("ru", "Отличная больница"),
    ("zh", "很好的医院"),
    ("ja", "とても良い病院です"),
    ("ko", "정말 친절해요"),
    ("ar", "مستشفى ممتاز"),
    ("he", "רופא מצוין"),
    ("el", "Πολύ καλός γιατρός"),
    ("th", "โรงพยาบาลดีมาก"),
    ("hi", "बहुत अच्छा अस्पताल"),
    ("und", "ძალიან კარგი საავადმყოფო"),
]

UNNAMED = ["Bardzo dobry szpital, polecam każdemu", "Lékař byl velmi milý a pozorný", "Läkaren var mycket trevlig",
           "Doktor çok ilgiliydi, teşekkürler", "Lääkäri oli erittäin ystävällinen"]  # fmt: skip


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_english_however_short(text):
    assert language(text) == "en"


@pytest.mark.parametrize(("lang", "text"), FOREIGN)
def test_other_languages_are_named_and_the_platform_cannot_make_them_english(lang, text):
    assert language(text) == lang
    assert language(text, "en") == lang


@pytest.mark.parametrize(
    "text", ["Tolles Team", "Service impeccable", "Goede service", "Nettes Personal", "Bra service"]
)
def test_a_borrowed_word_among_words_that_nobody_knows_does_not_make_a_text_english(text):
    assert language(text) is None
    assert language(text, "en") is None


@pytest.mark.parametrize(
    "text", ["Great team", "Super Team", "Hospital service", "Good doctors", "Service", "The team"]
)
def test_a_borrowed_word_among_english_ones_does_not_make_it_foreign(text):
    assert language(text) == "en"


@pytest.mark.parametrize(
    ("lang", "text"), [("de", "Freundliches Team"), ("de", "Unmöglichkeit"), ("es", "Atención"), ("it", "Situazione"),
                       ("nl", "Vriendelijke team"), ("pt", "Educação")]
)  # fmt: skip
def test_an_ending_tells_a_language_whose_words_are_not_known(lang, text):
    assert language(text) == lang
    assert language(text, "en") == lang


@pytest.mark.parametrize("text", UNNAMED)
def test_a_language_without_words_here_is_not_taken_for_english(text):
    assert language(text) is None
    assert language(text, "en") is None
    assert language(text, "xx") == "xx", "the platform may name it"


@pytest.mark.parametrize(
    "text", ["", " ", "😀👍", "12/10", "!!!", "@practice", "https://practice.example/very/long", "#"]
)
def test_a_text_without_words_has_no_language(text):
    assert language(text, "en") is None


def test_the_hint_decides_what_the_text_leaves_open():
    assert language("Praktijkvoorbeeld", "nl") == "nl"
    assert language("Excelente", "es-MX") == "es"
    assert language("Dr. Examplesson") == "en"
    assert language("Xyzzy", None) is None


def test_a_hint_may_name_a_sister_of_the_script_but_no_stranger():
    assert language("Дуже добра лікарня", "uk") == "uk"
    assert language("Очень хорошая больница", "en") == "ru"
    assert language("مستشفى ممتاز", "fa") == "fa"


def test_a_few_foreign_letters_do_not_make_an_english_text_foreign():
    assert language("The π was 3.14 and the nurse was kind to us all") == "en"


def test_only_the_first_words_are_read():
    assert language("the nurse was kind to me " * 20 + "сестра " * 9) == "en"
    assert language("a" * 200_000) is None


@pytest.mark.parametrize("mark", ["@", "#", "<", "&", "https://", "www.", "."])
def test_hostile_marks_are_read_too(mark):
    assert language(mark * 50_000 + " the staff were kind to us") in ("en", None)
