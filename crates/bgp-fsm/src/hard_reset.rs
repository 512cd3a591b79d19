//! Hard Reset: the Cease that ends a session for good although NOTIFICATIONs
//! count as restarts (RFC 8538 section 3).

use bgp_wire::{Notification, NotificationCode};
use bytes::{BufMut as _, BytesMut};

/// `notification` inside a Hard Reset: code, subcode and data become its data.
pub(crate) fn wrap(notification: &Notification) -> Notification {
    let mut data = BytesMut::with_capacity(2 + notification.data.len());
    data.put_u8(notification.code.code);
    data.put_u8(notification.code.subcode);
    data.put_slice(&notification.data);
    Notification::with_data(NotificationCode::CEASE_HARD_RESET, data.freeze())
}

/// Whether a reset with this code shall leave no routes behind, neither ours
/// with the peer nor its with us.
pub(crate) fn is_final(code: NotificationCode) -> bool {
    [
        NotificationCode::CEASE_MAX_PREFIXES,
        NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
        NotificationCode::CEASE_PEER_DECONFIGURED,
        // The path to the peer is dead, and so is forwarding over it.
        NotificationCode::CEASE_BFD_DOWN,
    ]
    .contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_is_unwrapped() {
        let code = NotificationCode::CEASE_ADMINISTRATIVE_SHUTDOWN;
        let inner = Notification::with_shutdown_communication(code, "bis gleich");
        let hard = wrap(&inner);
        assert_eq!(hard.code, NotificationCode::CEASE_HARD_RESET);
        assert_eq!(hard.data.get(..3), Some(&[6, 2, 10][..]));
        assert_eq!(hard.inside_hard_reset(), Some(inner.clone()));
        assert_eq!(inner.inside_hard_reset(), None);
    }

    #[test]
    fn a_hard_reset_of_any_length_can_be_looked_into() {
        for data in [&b""[..], b"\x06"] {
            let code = NotificationCode::CEASE_HARD_RESET;
            let hard = Notification::with_data(code, data.to_vec());
            assert_eq!(hard.inside_hard_reset(), None);
        }
    }
}
