"""Pictures to mark, drawn here: something like a photograph, and something like an icon on a plain background."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def photo(seed: int = 1, width: int = 512, height: int = 512) -> Image.Image:
    """Clouds of every size (power falls with frequency, as in nature), a few hard edges, a calm sky."""
    rng = np.random.default_rng(seed)
    v, u = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    strength = 1 / np.maximum(np.hypot(u, v), 1 / width) ** 1.1
    waves = strength * np.exp(2j * np.pi * rng.random(strength.shape))
    clouds = np.fft.irfft2(waves, s=(height, width))
    grey = 118 + 42 * clouds / clouds.std()
    grey[: height // 4] = 0.15 * grey[: height // 4] + 150
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    colour = Image.merge("RGB", [image, image.point(lambda x: int(x * 0.9)), image.point(lambda x: int(x * 0.75))])
    pen = ImageDraw.Draw(colour)
    pen.rectangle((width // 5, height // 2, width // 3, height), fill=(60, 40, 50))
    pen.polygon([(width // 2, height // 3), (width - 20, height - 30), (width // 2, height - 30)], fill=(190, 180, 90))
    return colour


def icon(size: int = 512, mode: str = "RGB") -> Image.Image:
    """Flat shapes on white, or on nothing."""
    background = (255, 255, 255) if mode == "RGB" else (0, 0, 0, 0)
    image = Image.new(mode, (3 * size, 3 * size), background)
    pen = ImageDraw.Draw(image)
    pen.ellipse((0.6 * size, 0.6 * size, 2.4 * size, 2.4 * size), fill=(230, 120, 60))
    pen.rectangle((1.3 * size, 0.3 * size, 1.7 * size, 1.6 * size), fill=(40, 90, 160))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    return stored(image, "JPEG", quality=quality)


def stored(image: Image.Image, kind: str, **options: object) -> Image.Image:
    out = io.BytesIO()
    image.save(out, kind, **options)  # type: ignore[arg-type]
    with Image.open(io.BytesIO(out.getvalue())) as back:
        back.load()
        return back.copy()


def resized(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


def cropped(image: Image.Image, part: float) -> Image.Image:
    width, height = round(image.width * part), round(image.height * part)
    left, top = (image.width - width) // 3, (image.height - height) * 3 // 4
    return image.crop((left, top, left + width, top + height))


def screenshot(image: Image.Image) -> Image.Image:
    """Shown smaller, in a window with a title bar, on a screen with another gamma, and stored as JPEG."""
    shown = resized(image, 0.88).filter(ImageFilter.GaussianBlur(0.3)).point(lambda x: int(255 * (x / 255) ** 1.08))
    screen = Image.new("RGB", (shown.width + 70, shown.height + 90), (240, 240, 243))
    screen.paste((60, 60, 66), (0, 0, screen.width, 30))
    screen.paste(shown, (35, 55))
    return jpeg(screen, 80)
