//! Where a secret of the platform may be used.

use crate::harness::on_each;
use loggia_app::access::platform_secret::Grant;
use loggia_app::access::secret_use::SecretUse;
use loggia_app::instance::driver::Secret;
use loggia_app::{Caller, Door, Error};

fn allowed(environments: &[&str]) -> SecretUse {
    SecretUse { environments: environments.iter().map(|&name| name.to_owned()).collect(), ..SecretUse::default() }
}

fn only(environments: &[&str]) -> Grant {
    Grant { only: Some(allowed(environments)), more: None }
}

fn more(environments: &[&str]) -> Grant {
    Grant { only: None, more: Some(allowed(environments)) }
}

/// Whoever sets the secret anew, or allows more, writes nothing back that somebody revokes at the same time.
#[test]
fn what_is_revoked_does_not_come_back() {
    on_each("what_is_revoked_does_not_come_back", |world| async move {
        let admin = Caller::administrator("test", Door::Api, "r1");
        let secret = || Some(Secret::new("hunter2"));
        for round in 0..40 {
            world.app.set_platform_secret(&admin, "s", secret(), only(&["production"])).await.unwrap();
            let anew = world.app.set_platform_secret(&admin, "s", secret(), Grant::default());
            let wider = world.app.set_platform_secret(&admin, "s", None, more(&["dev"]));
            let revoked = world.app.set_platform_secret(&admin, "s", None, only(&[]));
            let (anew, wider, revoked) = tokio::join!(anew, wider, revoked);
            assert!(anew.is_ok() && wider.is_ok() && revoked.is_ok());
            let now = world.app.platform_secrets(&admin).await.unwrap();
            assert!(!now[0].allowed.environments.contains(&"production".to_owned()), "{round}: {now:?}");
        }
    });
}

#[test]
fn more_is_allowed_on_top_and_less_by_starting_over() {
    on_each("more_is_allowed_on_top_and_less_by_starting_over", |world| async move {
        let admin = Caller::administrator("test", Door::Api, "r1");
        let missing = world.app.set_platform_secret(&admin, "s", None, more(&["dev"])).await;
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
        for (secret, grant, wanted) in [
            (Some("a"), Grant::default(), &[][..]),
            (None, more(&["test", "dev"]), &["dev", "test"]),
            (None, more(&["dev", "production"]), &["dev", "production", "test"]),
            (Some("b"), Grant::default(), &["dev", "production", "test"]),
            (None, only(&["dev"]), &["dev"]),
            (None, Grant { only: Some(allowed(&["test"])), more: Some(allowed(&["dev"])) }, &["dev", "test"]),
            (None, only(&[]), &[]),
        ] {
            world.app.set_platform_secret(&admin, "s", secret.map(Secret::new), grant).await.unwrap();
            assert_eq!(world.app.platform_secrets(&admin).await.unwrap()[0].allowed, allowed(wanted));
        }
    });
}
