//! No text claims what has not happened, nor what a later call may fail to do.
//!
//! Each claim has the words by which it is known in each language, and the fact that makes it true. A text that is said
//! while the fact is not known must hold none of them.

use super::*;
use crate::room::SeatState;

struct Claim {
    what: &'static str,
    /// Whether it is true of this sample.
    holds: fn(&Sample) -> bool,
    /// Its words, in the order of the languages.
    words: [&'static [&'static str]; 8],
}

fn never(_: &Sample) -> bool {
    false
}

const CLAIMS: [Claim; 9] = [
    Claim {
        what: "somebody was added to the group: only a member list shows that",
        holds: never,
        words: [
            &["has been added", "have been added", "was added", "were added"],
            &["hinzugefügt worden", "wurde hinzugefügt", "wurden hinzugefügt"],
            &["se le ha añadido", "fue añadido", "ha sido añadido"],
            &["foi adicionado", "foi adicionada"],
            &["a été ajouté", "avez été ajouté"],
            &["تمت إضافتكم", "أُضيف"],
            &["जोड़ दिया गया", "जोड़ा गया है"],
            &["telah ditambahkan", "sudah ditambahkan"],
        ],
    },
    Claim {
        what: "somebody is going to be added, or a group made",
        holds: never,
        words: [
            &["will be added", "ll be added", "will be opened", "will be made", "is made"],
            &["werden hinzugefügt", "wird hinzugefügt", "wird geöffnet", "wird eröffnet"],
            &["se le añadirá", "se abrirá"],
            &["será adicionado", "será aberto"],
            &["serez ajouté", "sera ouvert"],
            &["ستُضاف", "ستُفتح", "سنضيف"],
            &["जोड़ा जाएगा", "खोला जाएगा"],
            &["akan ditambahkan", "akan dibuka"],
        ],
    },
    Claim {
        what: "a message or a link was sent: a provider's yes is no delivery",
        holds: never,
        words: [
            &["was sent", "were sent", "has been sent", "will be sent"],
            &["wurde gesendet", "wurde geschickt", "gesendet worden"],
            &["se envió", "se ha enviado", "fue enviado"],
            &["foi enviado", "foi enviada"],
            &["a été envoyé"],
            &["أُرسل", "تم إرسال"],
            &["भेजा गया", "भेज दिया"],
            &["sudah dikirim", "telah dikirim"],
        ],
    },
    Claim {
        what: "it is over or repaired: only the tool's alerts ended",
        holds: never,
        words: [
            &["*Over:*", "is fixed", "has recovered", "incident is over", "is resolved"],
            &["*Vorbei", "ist behoben", "hat sich erholt"],
            &["está resuelto", "se ha recuperado"],
            &["está resolvido", "foi resolvido"],
            &["est résolu", "est rétabli"],
            &["تم الحل", "تم إصلاح"],
            &["ठीक हो गया", "हल हो गया"],
            &["sudah pulih", "sudah diperbaiki"],
        ],
    },
    Claim {
        what: "the group is closed, or certainly going to be",
        holds: never,
        words: [
            &["group is closed", "will be closed", "will close", "closes at"],
            &["ist geschlossen", "wird geschlossen", "schließt um"],
            &["está cerrado", "se cerrará", "se cierra"],
            &["está encerrado", "será encerrado"],
            &["est clos", "sera clos"],
            &["ستُغلق", "أُغلقت"],
            &["बंद हो गया", "बंद हो जाएगा", "बंद किया जाएगा"],
            &[" akan ditutup", "sudah ditutup"],
        ],
    },
    Claim {
        what: "news is going to be told",
        holds: never,
        words: [
            &["will be told", "updates follow", "is told when"],
            &["wird informiert", "werden informiert", "folgen hier"],
            &["se informará", "se avisará"],
            &["será avisado", "avisaremos"],
            &["sera prévenu", "serez prévenu"],
            &["سنبلغكم", "سيتم إبلاغ"],
            &["बताया जाएगा", "सूचित किया जाएगा"],
            &["akan diberi tahu", "akan dikabari"],
        ],
    },
    Claim {
        what: "only admins can write",
        holds: |sample| sample.room.tasks.done_at("lock_messages").is_some(),
        words: [
            &["Only admins"],
            &["nur noch Admins"],
            &["solo pueden escribir"],
            &["só administradores"],
            &["Seuls les administrateurs"],
            &["إلا المشرفون"],
            &["केवल एडमिन"],
            &["hanya admin"],
        ],
    },
    Claim {
        what: "the link is dead",
        holds: |sample| sample.room.tasks.done_at("revoke_link").is_some(),
        words: [
            &["no longer works"],
            &["gilt nicht mehr"],
            &["ya no funciona"],
            &["não funciona mais"],
            &["ne fonctionne plus"],
            &["لم يعد رابط الدعوة"],
            &["अब काम नहीं करता"],
            &["tidak berlaku lagi"],
        ],
    },
    Claim {
        what: "everyone is here",
        holds: |sample| sample.room.seats.iter().all(|seat| matches!(seat.state, SeatState::In { .. })),
        words: [
            &["Everyone is here"],
            &["Alle sind da"],
            &["Están todos:"],
            &["Todos estão aqui"],
            &["Tout le monde est là"],
            &["الجميع هنا:"],
            &["*सब यहाँ हैं:*"],
            &["Semua hadir"],
        ],
    },
];

/// Everybody came, and nothing else is done.
fn complete() -> Sample {
    let mut sample = Sample::full();
    let now = sample.now;
    for seat in &mut sample.room.seats {
        seat.state = SeatState::In { since: now };
    }
    sample
}

/// One after another: the room has done nothing yet, some came, all came, it is closed in part, and whole.
fn samples() -> Vec<Sample> {
    let over = Sample::full().over();
    let mut locked = Sample { incident: over.incident.clone(), now: over.now, ..Sample::full() };
    locked.room.tasks.done("lock_messages", over.now);
    let mut untouched = Sample::full();
    untouched.room.read_at = None;
    untouched.room.seats.iter_mut().for_each(|seat| seat.state = SeatState::Wanted);
    vec![untouched, Sample::full(), Sample::sparse(), complete(), locked, over]
}

#[test]
fn no_text_promises_what_a_later_call_may_fail_to_do() {
    for (tag, place) in built_in_languages().into_iter().zip(0..) {
        let composer = speaking(tag);
        let said: Vec<_> =
            samples().into_iter().map(|sample| (all_said(&composer, &sample), sample)).collect();
        for claim in &CLAIMS {
            let words = claim.words[place];
            assert!(!words.is_empty(), "{tag}: {}", claim.what);
            let (mut is_made, mut can_hold) = (false, false);
            for (texts, sample) in &said {
                let is_true = (claim.holds)(sample);
                can_hold |= is_true;
                for (wording, text) in texts {
                    let made = words.iter().find(|words| text.contains(**words));
                    is_made |= made.is_some();
                    assert!(
                        made.is_none() || is_true,
                        "{tag} {wording:?}: {}: {made:?} in\n{text}",
                        claim.what
                    );
                }
            }
            assert_eq!(is_made, can_hold, "{tag}: {}: the words are the ones that the texts use", claim.what);
        }
    }
}

#[test]
fn the_list_of_claims_finds_one_in_a_text() {
    let composer = own("welcome", "{{ token }} {{ commander }} has been added.");
    let text = said_by(&composer, &Sample::full(), Wording::Welcome);
    assert!(CLAIMS.iter().any(|claim| claim.words[0].iter().any(|words| text.contains(words))));
}
