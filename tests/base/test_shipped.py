"""Where files that travel along are found: at the top of a checkout, inside the package of a wheel."""

from __future__ import annotations

from focusgen.base.shipped import is_checkout, script_command, shipped


def test_a_checkout_has_them_at_its_top():
    assert is_checkout()
    assert {"base.yaml", "davis.yaml"} <= {path.name for path in shipped("configs").iterdir()}
    assert shipped("CITATION.cff").is_file()


def test_a_wheel_has_them_inside_the_package_and_never_looks_beside_it(tmp_path):
    package = tmp_path / "site-packages" / "focusgen"
    (package / "shipped" / "configs").mkdir(parents=True)
    (tmp_path / "site-packages" / "configs").mkdir()  # another package's
    assert shipped("configs", package) == package / "shipped" / "configs"
    assert not is_checkout(package)


def test_a_script_is_named_so_that_it_starts_from_the_folder_where_one_is(tmp_path, monkeypatch):
    package = tmp_path / "site packages" / "focusgen"
    (package / "shipped" / "scripts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    there = package / "shipped" / "scripts" / "03_depth.py"
    assert script_command("03_depth.py", package) == f"python '{there}'"
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "03_depth.py").touch()
    assert script_command("03_depth.py", package) == "python scripts/03_depth.py"
