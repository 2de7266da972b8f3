"""A database on a file system of others is warned of."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from torc_core.errors import TorcError
from torc_server.serve import serve
from torc_server.settings import Settings
from torc_server.store.place import network_file_system


def mounted(monkeypatch: pytest.MonkeyPatch, *mounts: tuple[Path | str, str]) -> None:
    """These are mounted, in this order."""
    found = [SimpleNamespace(mountpoint=str(point), fstype=kind) for point, kind in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: found)


@pytest.mark.parametrize(
    ("kinds", "network"),
    [
        (("ext4", "nfs4", None), "nfs4"),
        (("nfs4", "ext4", None), None),
        (("ext4", "nfs4", "tmpfs"), None),
        (("ext4", "fuse.sshfs", None), "fuse.sshfs"),
        (("ext4", "fuse.mergerfs", None), None),
        (("overlay", None, "lustre"), "lustre"),
    ],
)
def test_the_innermost_mount_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: tuple[str | None, ...], network: str | None
) -> None:
    points: list[Path | str] = ["/", tmp_path, tmp_path / "inner"]
    mounted(monkeypatch, *((point, kind) for point, kind in zip(points, kinds, strict=True) if kind))
    assert network_file_system(tmp_path / "inner" / "torc.db") == network


def test_what_is_mounted_over_another_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, ("/", "ext4"), (tmp_path, "autofs"), (tmp_path, "nfs"))
    assert network_file_system(tmp_path / "torc.db") == "nfs"


def test_a_disk_of_this_host_is_none(tmp_path: Path) -> None:
    assert network_file_system(tmp_path / "torc.db") is None


def test_a_server_says_so_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mounted(monkeypatch, ("/", "ext4"), (tmp_path, "nfs4"))
    (tmp_path / "torc.db").write_text("no database, so that it goes no further" * 100)
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(TorcError, match="not a database"):
        serve(Settings(tmp_path / "torc.db"), listening)
    assert "is on a network file system (nfs4)" in caplog.text
    assert "--database" in caplog.text
