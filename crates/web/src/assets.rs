//! The files that every page needs: few, small, and built into the program.

use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// One file under `/assets/`.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub body: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";

/// All files.
pub const ALL: [Asset; 5] = [
    Asset { name: "tokens.css", media_type: CSS, body: include_bytes!("../assets/tokens.css") },
    Asset { name: "app.css", media_type: CSS, body: include_bytes!("../assets/app.css") },
    Asset { name: "app.js", media_type: "text/javascript; charset=utf-8", body: include_bytes!("../assets/app.js") },
    Asset { name: "favicon.svg", media_type: "image/svg+xml", body: include_bytes!("../assets/favicon.svg") },
    Asset {
        name: "speculation.json",
        media_type: "application/speculationrules+json",
        body: include_bytes!("../assets/speculation.json"),
    },
];

/// The file of a name.
pub fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name)
}

/// A short text that changes when any file changes; addresses carry it, so that browsers may keep files for ever.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hash = Sha256::new();
        ALL.iter().for_each(|asset| hash.update(asset.body));
        hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    });
    &VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_visit_stays_small() {
        let bytes: usize = ALL.iter().map(|asset| asset.body.len()).sum();
        assert!(bytes < 70_000, "{bytes} bytes before compression; a page of 30 kB must still fit into 100 kB");
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for asset in ALL {
            let text = String::from_utf8_lossy(asset.body).replace("http://www.w3.org/", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{}", asset.name);
        }
    }

    #[test]
    fn names_are_found() {
        assert!(find("app.css").is_some() && find("../app.css").is_none());
        assert_eq!(version().len(), 12);
    }
}
