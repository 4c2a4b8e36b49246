from __future__ import annotations

from ipaddress import ip_network

from smppbridge.web.keyring import (
    IDLE,
    LINK,
    LINKS,
    SESSIONS,
    WHOLE,
    Keyring,
    Requester,
    Token,
    User,
    digest_of,
    is_csrf,
)


class Watch:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def keyring(watch: Watch) -> Keyring:
    made = Keyring(watch, watch)
    made.change([User("ann", "operator", "x"), User("zoe", "viewer", "y")], [])
    return made


def test_a_session_ends_when_it_is_idle_or_old() -> None:
    watch = Watch()
    ring = keyring(watch)
    cookie, who = ring.log_in("ann", "operator")
    assert ring.session(cookie) == who
    watch.now += IDLE - 1
    assert ring.session(cookie) == who
    watch.now += IDLE + 1
    assert ring.session(cookie) is None
    cookie, who = ring.log_in("ann", "operator")
    for _ in range(int(WHOLE / IDLE * 2)):
        watch.now += IDLE / 2
        ring.session(cookie)
    watch.now += 1
    assert ring.session(cookie) is None


def test_a_user_has_few_sessions_and_the_oldest_ends() -> None:
    ring = keyring(Watch())
    other, _ = ring.log_in("zoe", "viewer")
    cookies = [ring.log_in("ann", "operator")[0] for _ in range(SESSIONS + 1)]
    assert ring.session(cookies[0]) is None
    assert all(ring.session(each) for each in [*cookies[1:], other])


def test_a_session_ends_with_the_rights_it_was_begun_with() -> None:
    ring = keyring(Watch())
    ann, zoe = ring.log_in("ann", "operator")[0], ring.log_in("zoe", "viewer")[0]
    code = ring.link("uid:0")
    root = ring.redeem(code)
    ring.change([User("ann", "viewer", "x"), User("zoe", "viewer", "y")], [])
    assert ring.session(ann) is None
    assert ring.session(zoe) is not None
    ring.change([], [])
    assert ring.session(zoe) is None
    assert root
    assert ring.session(root[0])


def test_a_link_works_once_and_soon() -> None:
    watch = Watch()
    ring = keyring(watch)
    first, second = ring.link("uid:0"), ring.link("uid:0")
    found = ring.redeem(first)
    assert found
    assert (found[1].name, found[1].role, found[1].via) == ("uid:0", "admin", "session")
    assert ring.redeem(first) is None
    watch.now += LINK
    assert ring.redeem(second) is None
    assert ring.redeem("") is None


def test_links_do_not_pile_up() -> None:
    ring = keyring(Watch())
    codes = [ring.link("uid:0") for _ in range(LINKS + 1)]
    assert ring.redeem(codes[0]) is None
    assert ring.redeem(codes[-1]) is not None


def test_a_token_is_for_its_time_and_its_networks() -> None:
    watch = Watch()
    ring = Keyring(watch, watch)
    here = (ip_network("10.0.0.0/8"),)
    ring.change(
        [],
        [
            Token("a", "viewer", digest_of("one"), here, None),
            Token("b", "admin", digest_of("two"), None, 2_000.0),
        ],
    )
    assert ring.token("one", "10.1.1.1") == Requester("a", "viewer", "token")
    assert ring.token("one", "192.0.2.1") is None
    assert ring.token("two", "192.0.2.1") == Requester("b", "admin", "token")
    watch.now = 2_000.0
    assert ring.token("two", "192.0.2.1") is None
    assert ring.token(digest_of("one"), "10.1.1.1") is None
    assert ring.token("\udcff", "10.1.1.1") is None


def test_only_a_session_needs_the_csrf_token() -> None:
    ring = keyring(Watch())
    _, who = ring.log_in("ann", "operator")
    assert is_csrf(who, who.csrf.encode())
    assert not is_csrf(who, b"")
    assert is_csrf(Requester("a", "admin", "token"), b"")


def test_nothing_secret_is_in_a_representation() -> None:
    ring = keyring(Watch())
    _, who = ring.log_in("ann", "operator")
    assert who.csrf not in repr(who)
    assert "SECRET" not in repr((User("a", "admin", "SECRET"), Token("a", "admin", "SECRET")))


def test_sessions_pass_to_the_next_program_with_their_ages() -> None:
    watch = Watch()
    ring = keyring(watch)
    old, who = ring.log_in("ann", "operator")
    watch.now += IDLE - 10
    linked, of_link = ring.redeem(ring.link("uid:0")) or ("", None)
    later = Watch()
    later.now = 5.0  # seconds of another clock
    heir = keyring(later)
    heir.adopt(ring.handed())
    later.now += 9
    assert (heir.session(old), heir.session(linked)) == (who, of_link)
    heir.change([], [])
    assert (heir.session(old), heir.session(linked)) == (None, of_link)


def test_sessions_of_users_who_changed_meanwhile_do_not_pass() -> None:
    ring = keyring(Watch())
    cookies = [ring.log_in(*of)[0] for of in (("ann", "operator"), ("zoe", "viewer"))]
    for users in (
        [User("ann", "viewer", "x"), User("zoe", "viewer", "y")],
        [User("ann", "operator", "other"), User("zoe", "viewer", "y")],
        [User("zoe", "viewer", "y")],
    ):
        heir = Keyring(Watch(), Watch())
        heir.change(users, [])
        heir.adopt(ring.handed())
        assert [bool(heir.session(each)) for each in cookies] == [False, True]
