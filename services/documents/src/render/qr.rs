//! QR codes as SVG.

use qrcode::{EcLevel, QrCode, render::svg};

use super::RenderError;

/// Draws `text` as a QR code with room for 15 % damage.
pub(super) fn svg(text: &str) -> Result<String, RenderError> {
    let code =
        QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_too_long| RenderError::QrCode)?;
    Ok(code
        .render::<svg::Color<'_>>()
        .quiet_zone(false)
        .min_dimensions(240, 240)
        .build())
}
