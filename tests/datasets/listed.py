"""Pictures that tests hold in memory."""

from dataclasses import dataclass

from lineart.datasets.samples import Picture


@dataclass(frozen=True)
class Listed:
    """Pictures in memory."""

    pictures: tuple[Picture, ...]

    @property
    def sources(self) -> list[str]:
        """All from one place."""
        return ["drawn"] * len(self.pictures)

    def read(self, index: int) -> Picture:
        """Give a picture."""
        return self.pictures[index]
