"""What is left of a foreign program's text: what a person would see of it, and never more than is asked for."""

from __future__ import annotations

import pytest

from agent.tools.plain import MOST_MARKUP, readable


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("2 < 3, and <b>this</b> is no page &amp; stays", "2 < 3, and <b>this</b> is no page &amp; stays"),
        ("<html><body>Low tide:<br>0.4&nbsp;m &amp; falling</body></html>", "Low tide:\n0.4 m & falling"),
        ("  <!DOCTYPE html><P>One</P><LI>two</LI>", "One\ntwo"),
        ("<table><tr><td>Skarn</td><td>2.4</td></tr><tr><th>Ost</th></tr></table>", "Skarn 2.4\nOst"),
        ("<p>1 < 2 <b>and</b> 3 <- 4", "1 < 2 and 3 <- 4"),
        ("<p>before<!-- a > b, <p>hidden</p> -->after", "beforeafter"),
        ("<p>before<SCRIPT>if (a > b) x('<p>hidden</p>')</Script >after", "beforeafter"),
        ("<p>before<style>p > b {}</style><template><p>hidden</p></template><svg><g/></svg> after", "before after"),
        ("<p>before<a title='hidden' href='it never ends", "before"),
        ("<p>before<script>it never ends <p>hidden</p>", "before"),
        ("<p>one</p>\n\n  <p> two\t three </p> four", "one\ntwo three\nfour"),
        ("<div a='hidden'>seen</div><?php hidden ?>, <![CDATA[hidden]]>too", "seen\n, too"),
    ],
)
def test_what_a_person_would_see_is_left(text: str, seen: str) -> None:
    assert readable(text, most=1000) == seen


def test_no_more_is_given_than_is_asked_for() -> None:
    assert readable("abcdef", most=3) == "abc"
    assert readable("<p>abcdef", most=3) == "abc"
    assert readable("<p>" + "x" * MOST_MARKUP + "y", most=10 * MOST_MARKUP) == "x" * (MOST_MARKUP - 3)
