"""Chroma propagated along motion: the network colours key frames, the others follow.

`ChromaPropagation` takes the guides of frames one after the other and gives each frame's chroma, a
few frames later. A cut begins a scene. Key frames are coloured by the network: a scene's first,
then one after `every` frames, or sooner where too much of the picture could not be followed. A key
frame keeps most of the chroma carried to it, so that it does not jump to the network's new answer;
the frames between two key frames are coloured from both. Memory is bounded by `every` frames.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from core.film.motion import Motion, between, sampled

#: How much of what was carried a key frame keeps, where it could be followed.
_KEPT: Final = 0.7
#: A key frame comes sooner where this share of the picture was lost, but not within so many frames.
_LOST: Final = 0.25
_FEWEST: Final = 8
#: Trust below which a pixel counts as lost.
_TRUSTED: Final = 0.3
#: Side of the neighbourhood from which a pixel that nobody could follow takes its chroma.
_NEAR: Final = 31


@dataclass(slots=True)
class _Entry:
    """A frame of a group: how it is reached from the one before, and from the key before."""

    frame: Any
    motion: Motion | None
    path: np.ndarray | None = None  # for its pixels, where they lie in the key frame before
    trust: np.ndarray | None = None  # the least on the way: 0..1


#: ask(frame) is the network's chroma, float32 (h, w, 2) of the guide's size.
Ask = Callable[[Any], np.ndarray]
#: follow(frame, motion) is called for every frame, before `ask`; motion is None where a scene
#: begins. It answers whether the frame has to be a key frame without the chroma carried to it.
Follow = Callable[[Any, Motion | None], bool]


@dataclass
class ChromaPropagation:
    """`ask` is the network; `every` as in `FilmOptions`; `calls` counts what was asked."""

    ask: Ask
    every: int
    follow: Follow = lambda *_: False
    calls: int = 0
    cuts: int = 0
    _guide: np.ndarray | None = None
    _key: np.ndarray | None = None
    _group: list[_Entry] = field(default_factory=list)

    def feed(self, frame: Any, guide: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
        """Takes the next frame; gives (frame, chroma (h, w, 2)) of those that are settled."""
        motion = None if self._guide is None else between(self._guide, guide)
        self._guide = guide
        if motion is None or motion.is_cut:
            self.cuts += motion is not None
            self.follow(frame, None)
            yield from self._begin(frame)
            return
        if self.follow(frame, motion):
            yield from self._begin(frame)
            return
        entry = self._reach(frame, motion)
        assert entry.trust is not None
        lost = float((entry.trust < _TRUSTED).mean())
        if len(self._group) >= self.every or (len(self._group) >= _FEWEST and lost > _LOST):
            yield from self._close(entry)
        else:
            self._group.append(entry)

    def end(self) -> Iterator[tuple[Any, np.ndarray]]:
        """The frames that still wait; the film is over."""
        yield from self._give(None, None)
        self._group, self._guide = [], None

    def _begin(self, frame: Any) -> Iterator[tuple[Any, np.ndarray]]:
        """Ends the scene, if there is one, and begins another with this frame."""
        yield from self._give(None, None)
        self._key = self._predicted(frame)
        self._group = [_Entry(frame, None)]

    def _close(self, entry: _Entry) -> Iterator[tuple[Any, np.ndarray]]:
        """Makes a key of the frame, and gives those before it."""
        assert self._key is not None and entry.path is not None and entry.trust is not None
        kept = _KEPT * entry.trust[..., None]
        key = self._predicted(entry.frame)
        key += kept * (sampled(self._key, entry.path) - key)
        yield from self._give(key, entry.motion)
        self._key, self._group = key, [_Entry(entry.frame, None)]

    def _predicted(self, frame: Any) -> np.ndarray:
        self.calls += 1
        return np.array(self.ask(frame), np.float32)

    def _reach(self, frame: Any, motion: Motion) -> _Entry:
        """The frame with the way to the key before: composed, so that chroma is sampled once."""
        before = self._group[-1]
        if before.path is None or before.trust is None:
            return _Entry(frame, motion, motion.back, motion.back_trust)
        path = motion.back + sampled(before.path, motion.back)
        trust = np.minimum(motion.back_trust, sampled(before.trust, motion.back))
        return _Entry(frame, motion, path, trust)

    def _give(
        self, key: np.ndarray | None, motion: Motion | None
    ) -> Iterator[tuple[Any, np.ndarray]]:
        """The group's frames; `key` is the chroma of the key frame after it, if there is one."""
        frames: list[tuple[Any, np.ndarray]] = []
        path = trust = None
        for index in reversed(range(len(self._group))):
            entry = self._group[index]
            if key is not None and motion is not None:
                if path is None or trust is None:
                    path, trust = motion.ahead, motion.ahead_trust
                else:
                    path = motion.ahead + sampled(path, motion.ahead)
                    trust = np.minimum(motion.ahead_trust, sampled(trust, motion.ahead))
            nearness = index / len(self._group)
            frames.append((entry.frame, self._mixed(entry, key, path, trust, nearness)))
            motion = entry.motion
        yield from reversed(frames)

    def _mixed(self, entry: _Entry, key, path, trust, nearness: float) -> np.ndarray:
        """Chroma from both keys, by trust and nearness; what nobody could follow from around."""
        assert self._key is not None
        if entry.path is None or entry.trust is None:
            return self._key
        chroma, sure = sampled(self._key, entry.path), entry.trust
        if key is not None:
            before, after = sure * (1 - nearness) + 1e-6, trust * nearness + 1e-6
            share = (after / (before + after))[..., None]
            chroma = chroma + share * (sampled(key, path) - chroma)
            sure = np.maximum(sure, trust)
        return _filled(chroma, sure)


def _filled(chroma: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Chroma whose unsure pixels take the mean of the sure ones around."""
    import cv2

    if float(sure.min()) > _TRUSTED:
        return chroma
    weight = np.minimum(sure / _TRUSTED, 1)[..., None].astype(np.float32)
    size = (_NEAR, _NEAR)
    total = cv2.blur(weight, size)[..., None]
    around = cv2.blur(chroma * weight, size) / np.maximum(total, 1e-3)
    known = np.minimum(total / 0.05, 1)  # far from all that is sure, what was carried stays
    return chroma + (1 - weight) * known * (around - chroma)
