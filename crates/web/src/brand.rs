//! The brand of a product as colours: contrast after WCAG 2.2, and the small style sheet that carries the accent.

/// The least contrast of text that WCAG 2.2 AA allows.
pub const LEAST: f64 = 4.5;
/// The surface that pages stand on, as in `tokens.css`: light, then dark.
const LIGHT: Colour = Colour(0xff, 0xff, 0xff);
const DARK: Colour = Colour(0x1b, 0x1c, 0x1e);

/// A colour of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(u8, u8, u8);

impl Colour {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Colour> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let part = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        Some(Colour(part(0)?, part(2)?, part(4)?))
    }

    /// Contrast with another colour, 1.0 to 21.0.
    pub fn contrast(self, other: Colour) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// The first mixture with white that has enough contrast on the dark surface and on its own tint there.
    fn lightened(self) -> Colour {
        let mixed = |step: u16| {
            let part = |p: u8| u8::try_from((u16::from(p) * (20 - step) + 255 * step) / 20).unwrap_or(u8::MAX);
            Colour(part(self.0), part(self.1), part(self.2))
        };
        // Half above the least, because text also stands on surfaces that are tinted with the accent.
        (0..=20).map(mixed).find(|c| c.contrast(DARK) >= LEAST * 1.5).unwrap_or(LIGHT)
    }
}

/// Why an accent cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// It is not written as `#rrggbb`.
    Syntax,
    /// Its contrast on white is less than [`LEAST`].
    Contrast(f64),
}

/// The style sheet of a brand, or why its accent is refused. The dark form is computed, so that one colour is enough.
pub fn sheet(accent: &str) -> Result<String, Unfit> {
    let light = Colour::parse(accent).ok_or(Unfit::Syntax)?;
    let ratio = light.contrast(LIGHT);
    if ratio < LEAST {
        return Err(Unfit::Contrast(ratio));
    }
    let (light, dark, ink) = (light.hex(), light.lightened().hex(), DARK.hex());
    Ok(format!(":root{{--accent:light-dark({light},{dark});--on-accent:light-dark(#ffffff,{ink})}}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_on_white_is_twenty_one() {
        assert!((Colour(0, 0, 0).contrast(LIGHT) - 21.0).abs() < 0.001);
        assert!((LIGHT.contrast(LIGHT) - 1.0).abs() < 0.001);
    }

    #[test]
    fn every_accepted_accent_can_be_read_in_the_dark() {
        for accent in ["#000000", "#0b6b66", "#9c4221", "#0000ff", "#767676", "#7a3e9d"] {
            let colour = Colour::parse(accent).expect("a colour");
            assert!(colour.contrast(LIGHT) >= LEAST, "{accent}");
            assert!(colour.lightened().contrast(DARK) >= LEAST, "{accent}");
            assert!(sheet(accent).is_ok());
        }
    }

    #[test]
    fn pale_and_malformed_accents_are_refused() {
        assert!(matches!(sheet("#ffcc00"), Err(Unfit::Contrast(ratio)) if ratio < 2.0));
        for wrong in ["", "red", "#fff", "#12345g", "#1234567", "#12é45"] {
            assert_eq!(sheet(wrong), Err(Unfit::Syntax), "{wrong}");
        }
    }
}
