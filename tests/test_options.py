"""`core.options`: declared once, validated at birth, canonical for the job key."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import OptionsError
from core.options import FORMATS, Options, canonical_json, declared

valid = st.builds(
    Options,
    side=st.integers(0, 2048),
    vividness=st.floats(0, 2),
    format=st.sampled_from(FORMATS),
    quality=st.integers(1, 100),
    hints=st.text(max_size=20),
)


@given(valid)
def test_every_options_survives_a_journey_as_json(options):
    assert Options.from_mapping(json.loads(json.dumps(options.as_mapping()))) == options


@given(valid, valid)
def test_every_two_options_are_equal_exactly_when_their_canonical_texts_are(one, other):
    same_text = canonical_json(one.canonical()) == canonical_json(other.canonical())
    assert same_text == (one == other)


def test_an_added_option_stands_in_the_text_where_it_is_chosen():
    assert Options(detail=2).canonical()["detail"] == 2
    assert "detail" not in Options(detail=1).canonical()


def test_the_canonical_text_is_what_the_contract_says():
    assert canonical_json(Options().canonical()) == (
        '{"format":"same","hints":null,"quality":92,"side":0,"vividness":1.0}'
    )


def test_a_whole_number_and_its_float_are_one_vividness():
    assert Options(vividness=1).canonical() == Options(vividness=1.0).canonical()


def test_the_name_of_the_model_is_not_in_the_key_since_its_hash_is():
    assert Options(model="a").canonical() == Options(model="b").canonical()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"vividness": 2.5}, "choose 0.0 to 2.0"),
        ({"vividness": math.nan}, "finite"),
        ({"vividness": math.inf}, "finite"),
        ({"vividness": "1"}, "a number"),
        ({"vividness": True}, "a number"),
        ({"side": -1}, "choose 0 to 2048"),
        ({"side": 1.5}, "a whole number"),
        ({"format": "tifff"}, "did you mean 'tiff'?"),
        ({"quality": 0}, "choose 1 to 100"),
        ({"vividnes": 1.0}, "did you mean 'vividness'?"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(values, says):
    with pytest.raises(OptionsError, match=r".*") as caught:
        Options.from_mapping(values)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_option_has_a_help_sentence():
    assert all(about["help"] for *_, about in declared())
