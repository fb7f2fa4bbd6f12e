import importlib.metadata
import re
import sys

import pytest

from colorize_gan.core.errors import MissingPackageError
from colorize_gan.core.extras import EXTRAS, packages_for


def test_extras_are_those_of_the_package() -> None:
    known = importlib.metadata.metadata("colorize-gan").get_all("Provides-Extra") or []
    assert set(EXTRAS) <= set(known)


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_first_package_of_an_extra_is_one_that_it_requires(extra: str) -> None:
    first = EXTRAS[extra][0]
    names = importlib.metadata.packages_distributions().get(first)
    if not names:
        pytest.skip(f"{first} is not installed")
    required = [
        re.split("[^a-z0-9-]", text.lower().replace("_", "-"))[0]
        for text in importlib.metadata.requires("colorize-gan") or []
        if f'extra == "{extra}"' in text
    ]
    assert {name.lower().replace("_", "-") for name in names} & set(required)


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(MissingPackageError) as caught, packages_for("s3://bucket"):
        import upath  # noqa: F401
    text = "s3://bucket: needs upath, which is not installed; pip install 'colorize-gan[cloud]'"
    assert (str(caught.value), caught.value.exit_code) == (text, 2)


def test_what_no_extra_brings_is_named_too() -> None:
    with pytest.raises(MissingPackageError, match=r"^needs nosuch, .*; pip install nosuch$"), packages_for():
        import nosuch.module  # type: ignore[import-not-found]  # noqa: F401


def test_the_cause_is_named_where_the_error_names_nothing() -> None:
    with pytest.raises(MissingPackageError, match="needs s3fs, which is not installed"), packages_for():
        raise ImportError("Install s3fs to access S3") from ModuleNotFoundError(name="s3fs")


def test_what_cannot_be_loaded_is_told_apart() -> None:
    with (
        pytest.raises(MissingPackageError, match=r"openvino, which cannot be loaded \(no libtbb\)"),
        packages_for(),
    ):
        raise ImportError("no libtbb", name="openvino._core")


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("gone", name="colorize_gan.gone"),
        ImportError("cannot import name 'x' from 'numpy'", name="numpy"),
        ImportError("of an unknown kind"),
    ],
)
def test_a_bug_stays_one(error: ImportError) -> None:
    with pytest.raises(ImportError) as caught, packages_for():
        raise error
    assert caught.value is error
