//! The page at `/` that shows the phones of all people, with switches for their settings and for faults.
//! Actors: a browser loads the shell once and polls `/sandbox/state`; the script builds every element from
//! text nodes, so nothing that somebody wrote can become markup.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

use super::Sandbox;

const SHELL: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
/// Everything comes from this server, and nothing may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/", get(async || asset("text/html; charset=utf-8", SHELL)))
        .route("/sandbox/page.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/sandbox/page.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_never_turns_data_into_markup() {
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
    }

    #[test]
    fn the_shell_needs_nothing_that_its_policy_forbids() {
        assert!(!SHELL.contains("<style") && !SHELL.contains("style="));
        assert!(!SHELL.contains("://") && !STYLE.contains("url("));
        assert_eq!(SHELL.matches("<script").count(), SHELL.matches("<script src=\"/sandbox/").count());
    }
}
