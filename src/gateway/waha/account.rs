//! Replies about the linked number itself and about numbers on the network.

use super::envelope::{Envelope, is_ticket, session_state};
use super::reply::{Reply, flag_at, person_at, text_at};
use crate::gateway::{Own, Session};
use crate::jid::Jid;

/// The state's word; `None` if the reply names none. Words that are not known yet are kept: only `WORKING`
/// means that it works.
pub(super) fn session(reply: &Reply) -> Option<Session> {
    let layers = reply.layers();
    let inner = layers.iter().flat_map(|l| [l.get("session"), l.get("instance")]).flatten();
    let places: Vec<_> = layers.iter().copied().chain(inner).collect();
    let known = places.iter().find_map(|place| session_state(place));
    let any = || {
        if Envelope::read(reply).failed || is_ticket(reply) {
            return None;
        }
        let word = places.iter().find_map(|place| text_at(place, &["status", "state"]))?;
        let word_like = word.len() <= 40 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        word_like.then(|| word.to_owned())
    };
    let word = known.or_else(any)?;
    let works = word.eq_ignore_ascii_case("working");
    Some(if works { Session::Working { own: me(reply) } } else { Session::Down(word) })
}

/// The linked number, where the reply names it.
pub(super) fn me(reply: &Reply) -> Option<Own> {
    reply.layers().into_iter().find_map(|layer| {
        let me = layer.get("me")?;
        Some(Own {
            phone: person_at(me, &["id", "jid", "wid"], false)?,
            hidden: person_at(me, &["lid", "id"], true),
        })
    })
}

/// The id by which a number is on the network, if it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account(pub(super) Option<Jid>);

/// By which id a number is on the network, if it is; `None` if the reply does not say. Without another id it is the
/// one that was asked for.
pub(super) fn exists(reply: &Reply, asked: &Jid) -> Option<Account> {
    reply.layers().into_iter().find_map(|layer| {
        let exists = flag_at(layer, &["numberExists", "exists"])?;
        let chat = [false, true].into_iter().find_map(|hidden| person_at(layer, &["chatId", "jid"], hidden));
        Some(Account(exists.then(|| chat.unwrap_or_else(|| asked.clone()))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_working_works() {
        for body in [json!({"status": "WORKING"}), json!({"data": {"status": "WORKING", "name": "x"}})] {
            assert_eq!(session(&Reply::Json(body)), Some(Session::Working { own: None }));
        }
        for word in ["SCAN_QR_CODE", "STOPPED", "PASSKEY_REQUIRED", "SOMETHING_NEW"] {
            let down = Session::Down(word.to_owned());
            assert_eq!(session(&Reply::Json(json!({"status": word}))), Some(down));
        }
        let success = json!({"status": "success", "data": {"status": "FAILED"}});
        assert_eq!(session(&Reply::Json(success)), Some(Session::Down("FAILED".to_owned())));
        assert_eq!(session(&Reply::Json(json!({"status": 200}))), None);
        assert_eq!(session(&Reply::Json(json!({"status": "error", "message": "no"}))), None);
        assert_eq!(session(&Reply::Html), None);
    }

    #[test]
    fn the_own_number_is_read_with_its_hidden_id() {
        let body = json!({"status": "WORKING", "me": {"id": "15550100000:3@s.whatsapp.net", "lid": "99990000:3@lid"}});
        let me = me(&Reply::Json(body)).unwrap();
        assert!(me.is(&"15550100000@c.us".parse().unwrap()));
        assert!(me.is(&"99990000@lid".parse().unwrap()));
        assert!(!me.is(&"15550100001@c.us".parse().unwrap()));
        assert_eq!(super::me(&Reply::Json(json!({"me": null}))), None);
    }

    #[test]
    fn a_number_exists_only_if_it_is_said() {
        let asked: Jid = "5547900000009@c.us".parse().unwrap();
        let exists = |body| super::exists(&Reply::Json(body), &asked);
        let other = "554700000009@c.us";
        let found = exists(json!({"numberExists": true, "chatId": other}));
        assert_eq!(found, Some(Account(Some(other.parse().unwrap()))));
        assert_eq!(exists(json!({"numberExists": true, "chatId": null})), Some(Account(Some(asked.clone()))));
        assert_eq!(exists(json!({"numberExists": false, "chatId": null})), Some(Account(None)));
        assert_eq!(exists(json!({"success": true})), None);
        assert_eq!(exists(json!(true)), None);
    }
}
