use db_proxy::cache::{Attempt, FailureCache};

use crate::bed::{LIMITS, soon};

fn at<'a>(name: &'a str, source: &str) -> Attempt<'a> {
    Attempt {
        name,
        source: source.parse().ok(),
    }
}

pub(crate) async fn one_more_than_is_borne_closes_the_account_for_that_source_only(
    cache: &dyn FailureCache,
) {
    for _ in 0..=LIMITS.per_account {
        assert_eq!(cache.refuses(at("anna", "192.0.2.1")).await, Some(false));
        assert_eq!(cache.failed(at("anna", "192.0.2.1")).await, Some(false));
    }
    assert_eq!(cache.refuses(at("anna", "192.0.2.1")).await, Some(true));
    assert_eq!(cache.failed(at("anna", "192.0.2.1")).await, Some(true));
    assert_eq!(cache.refuses(at("anna", "192.0.2.2")).await, Some(false));
    assert_eq!(cache.refuses(at("anna", "")).await, Some(false));
    assert_eq!(cache.refuses(at("bert", "192.0.2.1")).await, Some(false));
}

pub(crate) async fn a_success_forgives_the_account_and_not_the_source(cache: &dyn FailureCache) {
    let anna = at("anna", "192.0.2.1");
    for _ in 0..LIMITS.per_account {
        cache.failed(anna).await;
    }
    assert_eq!(cache.succeeded(anna).await, Some(false));
    for _ in LIMITS.per_account..=LIMITS.per_address {
        assert_eq!(cache.failed(at("bert", "192.0.2.1")).await, Some(false));
    }
    assert_eq!(cache.refuses(anna).await, Some(true));
    assert_eq!(cache.refuses(at("anna", "192.0.2.2")).await, Some(false));
}

pub(crate) async fn what_is_refused_forgives_nothing(cache: &dyn FailureCache) {
    let anna = at("anna", "192.0.2.1");
    for _ in 0..=LIMITS.per_account {
        cache.failed(anna).await;
    }
    assert_eq!(cache.succeeded(anna).await, Some(true));
    assert_eq!(cache.refuses(anna).await, Some(true));
}

pub(crate) async fn a_subscriber_is_one_source(cache: &dyn FailureCache) {
    for last in 0..=LIMITS.per_account {
        let source = format!("2001:db8::{last}");
        assert_eq!(cache.failed(at("anna", &source)).await, Some(false));
    }
    assert_eq!(
        cache.refuses(at("anna", "2001:db8::ffff")).await,
        Some(true)
    );
    assert_eq!(
        cache.refuses(at("anna", "2001:db8:0:1::1")).await,
        Some(false)
    );
}

pub(crate) async fn names_are_any_text(cache: &dyn FailureCache) {
    let long = "x".repeat(100_000);
    for name in ["", "a b\r\nFLUSHALL\r\n", "用户}{", &long] {
        for _ in 0..=LIMITS.per_account {
            assert_eq!(cache.failed(at(name, "")).await, Some(false));
        }
        assert_eq!(cache.refuses(at(name, "")).await, Some(true));
    }
    assert_eq!(cache.refuses(at("anna", "")).await, Some(false));
}

pub(crate) async fn failures_age_out(cache: &dyn FailureCache) {
    let anna = at("anna", "192.0.2.1");
    for _ in 0..=LIMITS.per_account {
        cache.failed(anna).await;
    }
    assert_eq!(cache.refuses(anna).await, Some(true));
    soon("the end of the window", async {
        while cache.refuses(anna).await == Some(true) {
            tokio::time::sleep(LIMITS.window / 20).await;
        }
    })
    .await;
    assert_eq!(cache.failed(anna).await, Some(false));
}
