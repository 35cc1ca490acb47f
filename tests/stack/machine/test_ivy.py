from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from stack.machine import ivy


def test_the_ivy_of_pyspark_is_found() -> None:
    assert ivy.ivy_jar().name.startswith("ivy-")


def test_ivy_is_asked_for_exactly_the_listed_jars_without_dependencies() -> None:
    root = ET.fromstring(ivy.module_xml([("kafka", "g", "a", "1"), ("spark", "g", "b", "2")]))
    asked = [
        (d.get("name"), d.get("rev"), d.get("conf"), d.get("transitive")) for d in root.iter("dependency")
    ]
    assert asked == [("a", "1", "kafka->default", "false"), ("b", "2", "spark->default", "false")]


def test_the_users_own_maven_and_ivy_folders_are_not_read() -> None:
    xml = ivy.settings_xml(Path("/cache"), None)
    assert ".m2" not in xml
    caches = ET.fromstring(xml).find("caches")
    assert caches is not None
    assert caches.get("defaultCacheDir") == "/cache"


def test_a_mirror_can_replace_maven_central() -> None:
    assert 'root="file:///mirror"' in ivy.settings_xml(Path("/cache"), "file:///mirror")


def test_java_gets_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.local:3128")
    assert ivy.proxy_options() == ["-Dhttps.proxyHost=proxy.local", "-Dhttps.proxyPort=3128"]
