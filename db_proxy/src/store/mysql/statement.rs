//! A statement with its arguments. The text is made by this module's callers of constants and of as many placeholders
//! as there are rows: nothing a user wrote gets into it.

use std::borrow::Cow;

use sqlx::error::BoxDynError;
use sqlx::mysql::{MySql, MySqlArguments, MySqlRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, MySqlConnection, Type};

use crate::store::StoreError;

/// Most rows of one statement. A server keeps a hundred bytes and more for each placeholder of a prepared one, for each
/// connection.
pub(super) const CHUNK: usize = 128;

/// Above this many rows, statements exist in steps of as many.
const STEP: usize = 16;

/// As `STEP`, of statements that can repeat rows.
const WIDE_STEP: usize = 32;

#[derive(Clone)]
pub(super) struct Statement {
    sql: Cow<'static, str>,
    arguments: MySqlArguments,
    /// An argument that has no form on the wire; told when the statement is run.
    unfit: bool,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sql: sql.into(),
            arguments: MySqlArguments::default(),
            unfit: false,
        }
    }

    pub(super) fn bind<'q, T: Encode<'q, MySql> + Type<MySql>>(mut self, value: T) -> Self {
        self.add(value);
        self
    }

    pub(super) fn add<'q, T: Encode<'q, MySql> + Type<MySql>>(&mut self, value: T) {
        self.unfit |= self.arguments.add(value).is_err();
    }

    /// Adds the arguments of each item.
    pub(super) fn bind_all<T>(
        mut self,
        items: impl IntoIterator<Item = T>,
        mut bind: impl FnMut(&mut Self, T),
    ) -> Self {
        for item in items {
            bind(&mut self, item);
        }
        self
    }

    /// How many rows it found (an update counts those too that were as they should be).
    pub(super) async fn execute(self, connection: &mut MySqlConnection) -> Result<u64, StoreError> {
        let done = self.query()?.execute(connection).await?;
        Ok(done.rows_affected())
    }

    /// The id that the row it inserted was given.
    pub(super) async fn insert(self, connection: &mut MySqlConnection) -> Result<u64, StoreError> {
        let done = self.query()?.execute(connection).await?;
        Ok(done.last_insert_id())
    }

    pub(super) async fn fetch(
        self,
        connection: &mut MySqlConnection,
    ) -> Result<Vec<MySqlRow>, StoreError> {
        Ok(self.query()?.fetch_all(connection).await?)
    }

    pub(super) async fn first(
        self,
        connection: &mut MySqlConnection,
    ) -> Result<Option<MySqlRow>, StoreError> {
        Ok(self.fetch(connection).await?.into_iter().next())
    }

    fn query(self) -> Result<sqlx::query::Query<'static, MySql, MySqlArguments>, StoreError> {
        if self.unfit {
            let cause: BoxDynError = "an argument has no form on the wire".into();
            return Err(sqlx::Error::Encode(cause).into());
        }
        let sql = AssertSqlSafe(self.sql.into_owned());
        Ok(sqlx::query_with(sql, self.arguments))
    }
}

/// How many rows a statement for `count` of them is made for, so that few different ones have to be prepared. What is
/// missing is filled with repetitions, by whoever can bear them.
pub(super) fn rounded(count: usize) -> usize {
    if count <= WIDE_STEP {
        count.next_power_of_two()
    } else {
        count.next_multiple_of(WIDE_STEP)
    }
}

/// The items, the last one again until the number is round. Empty stays empty.
pub(super) fn padded<T: Clone>(items: &[T]) -> Vec<T> {
    let mut padded = items.to_vec();
    if let Some(last) = items.last() {
        padded.resize(rounded(items.len()), last.clone());
    }
    padded
}

/// Splits off as many rows as one statement takes whose rows can't be repeated: a multiple of the step while there are
/// that many, then the rest. At most `CHUNK`, and no more than `bytes` of what `size` counts unless it is a single row.
pub(super) fn piece<T>(items: &[T], bytes: usize, size: impl Fn(&T) -> usize) -> (&[T], &[T]) {
    let mut fits = 0;
    let mut sum = 0usize;
    for item in items.iter().take(CHUNK) {
        sum = sum.saturating_add(size(item));
        if fits > 0 && sum > bytes {
            break;
        }
        fits += 1;
    }
    if fits > STEP {
        fits -= fits % STEP;
    }
    items.split_at(fits)
}

/// `?,?,?`
pub(super) fn list(count: usize) -> String {
    repeated("?", count, ",")
}

/// `(?,?),(?,?)`
pub(super) fn rows(count: usize, width: usize) -> String {
    repeated(&format!("({})", list(width)), count, ",")
}

fn repeated(part: &str, count: usize, separator: &str) -> String {
    let mut text = String::with_capacity(count * (part.len() + separator.len()));
    for n in 0..count {
        if n > 0 {
            text.push_str(separator);
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_are_as_many_as_asked_for() {
        assert_eq!(list(3), "?,?,?");
        assert_eq!(rows(2, 2), "(?,?),(?,?)");
        assert_eq!(list(0), "");
    }

    proptest! {
        #[test]
        fn pieces_are_few_shapes_and_make_up_the_whole(sizes in prop::collection::vec(0usize..50, 0..600)) {
            let mut rest = &sizes[..];
            let mut seen = Vec::new();
            while !rest.is_empty() {
                let (piece, others) = piece(rest, 400, |size| *size);
                prop_assert!(piece.len() <= CHUNK);
                prop_assert!(piece.len() <= STEP || piece.len() % STEP == 0);
                prop_assert!(piece.len() == 1 || piece.iter().sum::<usize>() <= 400);
                seen.extend_from_slice(piece);
                rest = others;
            }
            prop_assert_eq!(seen, sizes);
        }

        #[test]
        fn rounding_never_loses_a_row(count in 1usize..=CHUNK) {
            prop_assert!((count..=CHUNK).contains(&rounded(count)));
            prop_assert_eq!(padded(&vec![0; count]).len(), rounded(count));
        }
    }
}
