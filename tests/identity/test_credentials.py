"""Hashes, and the time it takes to check them."""

from __future__ import annotations

import argon2
import pytest
from jupyter_server.auth import passwd

from jupyter_authz.identity.credentials import (
    JUPYTER_PARAMETERS,
    argon2_parameters,
    check_password,
    dummy_hashes,
    fingerprint,
    fits,
    is_password_hash,
)

OTHER = "argon2:" + argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("right")


@pytest.fixture
def verified(monkeypatch):
    """Record the parameters of every argon2 verification."""
    seen = []
    verify = argon2.PasswordHasher.verify

    def spy(self, hashed, password):
        seen.append((argon2_parameters(f"argon2:{hashed}"), len(password)))
        return verify(self, hashed, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    return seen


def test_parameters_are_those_of_jupyter_server():
    """The dummy hash costs what a hash of jupyter_server's own costs."""
    assert argon2_parameters(passwd("x")) == JUPYTER_PARAMETERS
    (dummy,) = dummy_hashes([None, passwd("x", "sha1")]).values()
    assert argon2_parameters(dummy) == JUPYTER_PARAMETERS
    assert len(dummy) == len(passwd("x"))


def test_check_password_work(verified):
    """Whoever asks, the same argon2 verifications are made, one for each kind of hash in use."""
    own, salted = passwd("right"), passwd("right", "sha256")
    dummies = dummy_hashes([own, salted, OTHER, None])
    work = set()
    for hashed in (own, salted, OTHER, None):
        for password in ("right", "wrong"):
            verified.clear()
            answer = check_password(hashed, password, dummies)
            assert answer is (password == "right" and hashed is not None)
            assert {length for _, length in verified} == {5}
            work.add(tuple(parameters for parameters, _ in verified))
    assert work == {tuple(sorted({JUPYTER_PARAMETERS, argon2_parameters(OTHER)}))}


@pytest.mark.parametrize("password", ["", "x" * 1025, "x" * 1_000_000])
def test_impossible_passwords_are_not_hashed(verified, password):
    """An empty or endless password is never right, and takes the time of any other."""
    hashed = passwd(password)
    assert check_password(hashed, password, dummy_hashes([hashed])) is False
    assert verified == [(JUPYTER_PARAMETERS, 1)]


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_impossible_passwords_do_not_become_another(password):
    """What is hashed in place of an impossible password opens nothing."""
    hashed = passwd("-")
    assert check_password(hashed, "-", dummy_hashes([hashed])) is True
    assert check_password(hashed, password, dummy_hashes([hashed])) is False


def test_no_password_fits_a_dummy():
    """The dummy is of use for its duration only."""
    (dummy,) = dummy_hashes([OTHER]).values()
    assert argon2_parameters(dummy) == argon2_parameters(OTHER)
    assert not fits(dummy, "")
    assert not check_password(None, "-", {argon2_parameters(OTHER): OTHER})


@pytest.mark.parametrize("algorithm", ["argon2", "sha1", "sha224", "sha256", "sha512", "sha3_256"])
def test_formats_of_jupyter_server(algorithm):
    """What ``passwd`` makes is accepted and checked."""
    hashed = passwd("right", algorithm)
    assert is_password_hash(hashed)
    assert fits(hashed, "right")
    assert not fits(hashed, "wrong")


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        "right",
        "argon2:",
        "argon2:right",
        "argon2:$argon2id$v=19$m=10240,t=10,p=8$c2FsdHNhbHQ",
        "$argon2id$v=19$m=10240,t=10,p=8$c2FsdHNhbHQ$aGFzaGhhc2g",
        "sha1:0e112c3ddfce:",
        "sha1::a68df677475c2b47b6e86d0467eec97ac5f4b85a",
        "sha1:0e112c3ddfce:a68df677475c2b47b6e86d0467eec97ac5f4b85",
        "sha1:0e112c3ddfce:A68DF677475C2B47B6E86D0467EEC97AC5F4B85A",
        "sha1:0e112c3ddfce:a68df677475c2b47b6e86d0467eec97ac5f4b85a\n",
        "sha1:ä:a68df677475c2b47b6e86d0467eec97ac5f4b85a",
        "shake_128:0e112c3ddfce:a68d",
        "nothing:0e112c3ddfce:a68df677475c2b47b6e86d0467eec97ac5f4b85a",
        "sha256:" + 64 * "0",
        "$2b$12$abcdefghijklmnopqrstuv",
    ],
)
def test_other_formats_are_not_hashes(hashed):
    """A hash that could never fit is not taken for one; nor is a token's for a password's."""
    assert not is_password_hash(hashed)


def test_malformed_hash_fits_nothing():
    """A hash that argon2 refuses is an answer, not an error."""
    assert not fits("argon2:$argon2id$broken", "x")
    assert not fits("argon2:$argon2id$v=19$m=1,t=0,p=8$c2FsdHNhbHQ$aGFzaGhhc2g", "x")
    assert not fits("argon2:ä", "x")


def test_fingerprint_differs_by_name_and_hash():
    """A fingerprint belongs to one name with one password."""
    made = {fingerprint(n, h) for n in ("ann", "bob", "\ud800") for h in (None, "a", "b")}
    assert len(made) == 9
