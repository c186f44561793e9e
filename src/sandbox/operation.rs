//! The calls that the simulated API knows: their names, methods and route templates, in one table.
//! Actors: the router is built from the table; faults and call records name calls by it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident $name:literal: $($method:ident $template:literal),+;)+) => {
        /// One call of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $variant,)+
        }

        impl Operation {
            /// Every call with its method and route template: Wawp's below `/v2`, WAHA's below `/api`. Some calls answer
            /// at two routes of one of them.
            pub const ROUTES: &'static [(Self, &'static str, &'static str)] =
                &[$($((Self::$variant, stringify!($method), $template),)+)+];

            /// The name used in faults and records, in lower case with underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

operations! {
    /// Makes a group; the documentation names two paths for it.
    CreateGroup "create_group": POST "/v2/groups", POST "/v2/groups/create",
        POST "/api/{session}/groups";
    /// All groups of the number.
    ListGroups "list_groups": GET "/v2/groups",
        GET "/api/{session}/groups";
    /// How many groups there are.
    CountGroups "count_groups": GET "/v2/groups/count",
        GET "/api/{session}/groups/count";
    /// Throws the cached list of groups away.
    RefreshGroups "refresh_groups": POST "/v2/groups/refresh",
        POST "/api/{session}/groups/refresh";
    /// What a link would lead to.
    JoinInfo "join_info": GET "/v2/groups/join-info",
        GET "/api/{session}/groups/join-info";
    /// The bot joins by a link.
    JoinGroup "join_group": POST "/v2/groups/join",
        POST "/api/{session}/groups/join";
    /// One group.
    GetGroup "get_group": GET "/v2/groups/{id}",
        GET "/api/{session}/groups/{id}";
    /// Ends a group; only WEBJS can.
    DeleteGroup "delete_group": DELETE "/v2/groups/{id}",
        DELETE "/api/{session}/groups/{id}";
    /// The bot leaves.
    LeaveGroup "leave_group": POST "/v2/groups/{id}/leave",
        POST "/api/{session}/groups/{id}/leave";
    /// The members in the engine's own shape.
    ListParticipants "list_participants": GET "/v2/groups/{id}/participants",
        GET "/api/{session}/groups/{id}/participants";
    /// The members in one shape for all engines.
    ListParticipantsV2 "list_participants_v2": GET "/v2/groups/{id}/participants/v2",
        GET "/api/{session}/groups/{id}/participants/v2";
    /// Adds people.
    AddParticipants "add_participants": POST "/v2/groups/{id}/participants/add",
        POST "/api/{session}/groups/{id}/participants/add";
    /// Removes people.
    RemoveParticipants "remove_participants": POST "/v2/groups/{id}/participants/remove",
        POST "/api/{session}/groups/{id}/participants/remove";
    /// Makes members admins.
    PromoteParticipants "promote_participants": POST "/v2/groups/{id}/admin/promote",
        POST "/api/{session}/groups/{id}/admin/promote";
    /// Makes admins plain members.
    DemoteParticipants "demote_participants": POST "/v2/groups/{id}/admin/demote",
        POST "/api/{session}/groups/{id}/admin/demote";
    /// Sets the description.
    SetDescription "set_description": PUT "/v2/groups/{id}/description",
        PUT "/api/{session}/groups/{id}/description";
    /// Sets the subject.
    SetSubject "set_subject": PUT "/v2/groups/{id}/subject",
        PUT "/api/{session}/groups/{id}/subject";
    /// Sets the picture; not simulated, answers 501.
    SetPicture "set_picture": PUT "/v2/groups/{id}/picture",
        PUT "/api/{session}/groups/{id}/picture";
    /// The picture's address; always null.
    GetPicture "get_picture": GET "/v2/groups/{id}/picture",
        GET "/api/{session}/groups/{id}/picture";
    /// Removes the picture; not simulated, answers 501.
    DeletePicture "delete_picture": DELETE "/v2/groups/{id}/picture",
        DELETE "/api/{session}/groups/{id}/picture";
    /// Whether only admins may write.
    GetMessagesAdminOnly "get_messages_admin_only":
        GET "/v2/groups/{id}/settings/security/messages-admin-only",
        GET "/api/{session}/groups/{id}/settings/security/messages-admin-only";
    /// Lets only admins write, or everybody.
    SetMessagesAdminOnly "set_messages_admin_only":
        PUT "/v2/groups/{id}/settings/security/messages-admin-only",
        PUT "/api/{session}/groups/{id}/settings/security/messages-admin-only";
    /// Whether only admins may change subject and description.
    GetInfoAdminOnly "get_info_admin_only": GET "/v2/groups/{id}/settings/security/info-admin-only",
        GET "/api/{session}/groups/{id}/settings/security/info-admin-only";
    /// Lets only admins change subject and description, or everybody.
    SetInfoAdminOnly "set_info_admin_only": PUT "/v2/groups/{id}/settings/security/info-admin-only",
        PUT "/api/{session}/groups/{id}/settings/security/info-admin-only";
    /// The invite code.
    GetInviteCode "get_invite_code": GET "/v2/groups/{id}/invite-code",
        GET "/api/{session}/groups/{id}/invite-code";
    /// Makes a new invite code; the old one is dead at once.
    RevokeInviteCode "revoke_invite_code": POST "/v2/groups/{id}/invite-code/revoke",
        POST "/api/{session}/groups/{id}/invite-code/revoke";
    /// Sends a text.
    SendText "send_text": POST "/v2/send/text",
        POST "/api/sendText";
    /// An id for a message that is to be sent.
    NewMessageId "new_message_id": GET "/api/{session}/new-message-id";
    /// Messages of one chat, newest first.
    ListMessages "list_messages": GET "/v2/chats/messages",
        GET "/api/{session}/chats/{chatId}/messages";
    /// One message.
    GetMessage "get_message": POST "/v2/messages/get",
        GET "/api/{session}/chats/{chatId}/messages/{messageId}";
    /// Changes an own message within 15 minutes.
    EditMessage "edit_message": PUT "/v2/messages/edit",
        PUT "/api/{session}/chats/{chatId}/messages/{messageId}";
    /// Deletes a message.
    DeleteMessage "delete_message": DELETE "/v2/messages/delete",
        DELETE "/api/{session}/chats/{chatId}/messages/{messageId}";
    /// All chats.
    ListChats "list_chats": GET "/v2/chats", POST "/v2/chats",
        GET "/api/{session}/chats";
    /// All chats with their last message.
    ListChatsOverview "list_chats_overview": GET "/v2/chats/overview",
        GET "/api/{session}/chats/overview";
    /// Whether a number has an account.
    CheckExists "check_exists": GET "/v2/contacts/check-exists",
        GET "/api/contacts/check-exists";
    /// One contact.
    GetContact "get_contact": GET "/v2/contacts",
        GET "/api/contacts";
    /// All contacts.
    ListContacts "list_contacts": GET "/v2/contacts/all",
        GET "/api/contacts/all";
    /// Known pairs of hidden id and number.
    ListLids "list_lids": GET "/v2/lids",
        GET "/api/{session}/lids";
    /// How many pairs are known.
    CountLids "count_lids": GET "/v2/lids/count",
        GET "/api/{session}/lids/count";
    /// The hidden id of a number.
    LidOfNumber "lid_of_number": GET "/v2/lids/pn/{digits}",
        GET "/api/{session}/lids/pn/{digits}";
    /// The number of a hidden id.
    NumberOfLid "number_of_lid": GET "/v2/lids/{lid}",
        GET "/api/{session}/lids/{lid}";
    /// State of the instance.
    SessionInfo "session_info": GET "/v2/session/info", POST "/v2/session/info",
        GET "/api/sessions/{session}";
    /// The linked account.
    SessionMe "session_me": GET "/v2/session/me",
        GET "/api/sessions/{session}/me";
    /// Starts the session.
    StartSession "start_session": GET "/v2/session/start", POST "/v2/session/start",
        POST "/api/sessions/{session}/start";
    /// Stops the session.
    StopSession "stop_session": GET "/v2/session/stop", POST "/v2/session/stop",
        POST "/api/sessions/{session}/stop";
    /// Stops and starts the session.
    RestartSession "restart_session": GET "/v2/session/restart", POST "/v2/session/restart",
        POST "/api/sessions/{session}/restart";
    /// Unlinks the phone.
    LogoutSession "logout_session": GET "/v2/session/logout", POST "/v2/session/logout",
        POST "/api/sessions/{session}/logout";
    /// The limits that apply.
        GetRateLimit "get_rate_limit": GET "/v2/session/rate-limit";
    /// Chooses another set of limits.
        SetRateLimit "set_rate_limit": PATCH "/v2/session/rate-limit";
    /// Where events go.
        GetWebhooks "get_webhooks": GET "/v2/session/webhook";
    /// Replaces the whole list of where events go.
        SetWebhooks "set_webhooks": POST "/v2/session/webhook";
}

impl Operation {
    /// Calls about the session itself work whatever its state is.
    pub(super) fn needs_working_session(self) -> bool {
        !matches!(
            self,
            Self::SessionInfo
                | Self::SessionMe
                | Self::StartSession
                | Self::StopSession
                | Self::RestartSession
                | Self::LogoutSession
                | Self::GetRateLimit
                | Self::SetRateLimit
                | Self::GetWebhooks
                | Self::SetWebhooks
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text named no call of the API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no call of this API; name one like `create_group`, `POST /v2/groups` or `/v2/groups/{{id}}`"
)]
pub struct UnknownCall(String);

impl FromStr for Operation {
    type Err = UnknownCall;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ROUTES
            .iter()
            .find(|(operation, method, template)| {
                operation.name() == text || text.split_once(' ') == Some((method, template))
            })
            .map(|(operation, ..)| *operation)
            .ok_or_else(|| UnknownCall(text.to_owned()))
    }
}

/// Which calls a fault strikes. As text: `*`, an operation's name, `METHOD /template`, or a template alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Every call.
    Any,
    /// One operation, on whichever route.
    One(Operation),
    /// Everything at one route template.
    Route(&'static str),
}

impl Target {
    pub(super) fn covers(self, operation: Operation, template: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == operation,
            Self::Route(route) => route == template,
        }
    }
}

impl From<Operation> for Target {
    fn from(operation: Operation) -> Self {
        Self::One(operation)
    }
}

impl FromStr for Target {
    type Err = UnknownCall;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let route = Operation::ROUTES.iter().find(|(.., template)| *template == text);
        match route {
            Some((.., template)) => Ok(Self::Route(template)),
            None => text.parse().map(Self::One),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "*",
            Self::One(operation) => operation.name(),
            Self::Route(template) => template,
        })
    }
}

impl Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_can_be_named_in_four_ways_and_a_misspelt_one_is_an_error() {
        let create = Operation::CreateGroup;
        assert_eq!("create_group".parse(), Ok(Target::One(create)));
        assert_eq!("POST /v2/groups".parse(), Ok(Target::One(create)));
        assert_eq!("/v2/groups".parse(), Ok(Target::Route("/v2/groups")));
        assert_eq!("*".parse(), Ok(Target::Any));
        assert!("creategroup".parse::<Target>().is_err());
        assert!("PUT /v2/groups".parse::<Target>().is_err());
    }

    #[test]
    fn every_name_is_unique_and_leads_back_to_its_operation() {
        for (operation, method, template) in Operation::ROUTES {
            assert_eq!(operation.name().parse(), Ok(*operation));
            assert_eq!(format!("{method} {template}").parse(), Ok(*operation));
        }
    }
}
