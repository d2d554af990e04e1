from __future__ import annotations

from pydantic import BaseModel


class Rota(BaseModel):
    def problems(self) -> list[tuple[tuple[str | int, ...], str]]:
        return []
