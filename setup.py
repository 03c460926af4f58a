"""What pyproject.toml cannot say: folders of the checkout's top that travel inside the package of a wheel."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TRAVELS = ("configs/*.yaml", "configs/focal/*.yaml", "jobs/*", "scripts/*", "CITATION.cff")


class BuildWithShipped(build_py):
    """Put what travels along into focusgen/shipped, where focusgen.base.shipped looks for it."""

    def run(self) -> None:
        """Build the package, then copy; an editable installation finds them in the checkout."""
        super().run()
        if not self.editable_mode:
            for source, target in self.shipped_files().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def shipped_files(self) -> dict[str, str]:
        """Return {file of the checkout: file of the build}."""
        files = [path for pattern in TRAVELS for path in Path().glob(pattern) if path.is_file()]
        folder = Path(self.build_lib) / "focusgen" / "shipped"
        return {str(path): str(folder / path) for path in sorted(files)}

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return what is built, for the wheel's record."""
        return [*super().get_outputs(include_bytecode), *self.shipped_files().values()]

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs."""
        return [*super().get_source_files(), *self.shipped_files()]


setup(cmdclass={"build_py": BuildWithShipped})
