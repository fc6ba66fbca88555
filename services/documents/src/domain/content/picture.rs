//! Uploaded pictures: decoded within limits and encoded anew, so that nothing but pixels is kept.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    imageops::FilterType, metadata::Orientation,
};

use super::{Kind, Refusal};

const MAX_PIXELS: u64 = 40_000_000;
const MAX_SIDE: u32 = 12_000;
const MAX_DECODED_BYTES: u64 = 256 * 1024 * 1024;
const JPEG_QUALITY: u8 = 90;
const DAMAGED: Refusal = Refusal::Damaged { kind: "图片" };

/// Size of a portrait, in pixels: an inch picture at 300 dpi.
const PORTRAIT: (u32, u32) = (295, 413);

/// A picture as a portrait: cut from the middle, scaled, a JPEG.
pub(super) fn portrait(kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (_, picture) = open(kind, bytes)?;
    let (width, height) = PORTRAIT;
    if picture.width() < width || picture.height() < height {
        return Err(Refusal::TooSmall { width, height });
    }
    encode(
        ImageFormat::Jpeg,
        &picture.resize_to_fill(width, height, FilterType::Lanczos3),
    )
}

pub(super) fn encode_anew(kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (format, picture) = open(kind, bytes)?;
    encode(format, &picture)
}

/// Decodes a picture that is nothing else beside.
fn open(kind: Kind, bytes: &[u8]) -> Result<(ImageFormat, DynamicImage), Refusal> {
    let (format, end) = match kind {
        Kind::Png => (ImageFormat::Png, end_of_png(bytes)),
        _ => (ImageFormat::Jpeg, end_of_jpeg(bytes)),
    };
    let tail = bytes.get(end.ok_or(DAMAGED)?..).unwrap_or_default();
    // Telephones append previews and films to a JPEG; they are dropped. Whatever a browser might run is refused.
    if (format == ImageFormat::Png && !tail.is_empty()) || holds_another_file(tail) {
        return Err(Refusal::Polyglot);
    }
    Ok((format, decode(format, bytes)?))
}

fn encode(format: ImageFormat, picture: &DynamicImage) -> Result<Vec<u8>, Refusal> {
    let mut encoded = Cursor::new(Vec::new());
    let result = match format {
        ImageFormat::Png => picture.write_to(&mut encoded, ImageFormat::Png),
        _ => JpegEncoder::new_with_quality(&mut encoded, JPEG_QUALITY).encode_image(&picture.to_rgb8()),
    };
    result.map_err(|_error| DAMAGED)?;
    Ok(encoded.into_inner())
}

fn decode(format: ImageFormat, bytes: &[u8]) -> Result<DynamicImage, Refusal> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let too_large = Refusal::TooManyPixels {
        limit: MAX_PIXELS / 10_000,
    };
    let mut decoder = reader.into_decoder().map_err(|error| match error {
        image::ImageError::Limits(_) => too_large.clone(),
        _ => DAMAGED,
    })?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || width > MAX_SIDE || height > MAX_SIDE {
        return Err(too_large);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| match error {
        image::ImageError::Limits(_) => too_large,
        _ => DAMAGED,
    })?;
    picture.apply_orientation(orientation);
    Ok(match picture {
        // Sixteen bits a channel say nothing more of a licence.
        DynamicImage::ImageLuma16(_) => DynamicImage::ImageLuma8(picture.to_luma8()),
        DynamicImage::ImageRgb16(_) => DynamicImage::ImageRgb8(picture.to_rgb8()),
        DynamicImage::ImageLumaA16(_) | DynamicImage::ImageRgba16(_) => {
            DynamicImage::ImageRgba8(picture.to_rgba8())
        }
        other => other,
    })
}

/// Offset just after the IEND chunk.
fn end_of_png(bytes: &[u8]) -> Option<usize> {
    let mut at = 8;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        let kind = bytes.get(at + 4..at + 8)?;
        at = at.checked_add(12)?.checked_add(usize::try_from(length).ok()?)?;
        if kind == b"IEND" {
            return (at <= bytes.len()).then_some(at);
        }
    }
}

/// Offset just after the end-of-image marker that belongs to the picture itself and not to a preview within it.
fn end_of_jpeg(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        // In a scan everything up to a marker is pixels; 0xFF is followed by 0 there, or by a restart marker.
        while *bytes.get(at)? != 0xFF || matches!(*bytes.get(at + 1)?, 0x00 | 0xD0..=0xD7 | 0xFF) {
            at += 1;
        }
        let marker = *bytes.get(at + 1)?;
        at += 2;
        if marker == 0xD9 {
            return Some(at);
        }
        let length = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        at += usize::from(length.max(2));
    }
}

fn holds_another_file(tail: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 8] = [
        b"PK\x03\x04",
        b"%PDF-",
        b"<?php",
        b"<script",
        b"<html",
        b"<!doctype",
        b"<svg",
        b"\x7fELF",
    ];
    BEGINNINGS.iter().any(|beginning| {
        tail.windows(beginning.len())
            .any(|window| window.eq_ignore_ascii_case(beginning))
    })
}
