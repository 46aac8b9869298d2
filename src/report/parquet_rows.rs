//! Rows as Parquet, in groups, so that memory stays small however long the session is. The columns are those of
//! [`super::rows`].

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::rows::Row;

/// Rows of a group: some megabytes.
const GROUP: usize = 65_536;

/// In the words of the format; the names are [`super::rows::COLUMNS`].
const SCHEMA: &str = "message session {
    REQUIRED INT64 at (TIMESTAMP(MICROS, true));
    REQUIRED DOUBLE second;
    REQUIRED INT32 partition;
    OPTIONAL INT64 log_earliest;
    OPTIONAL INT64 log_last;
    OPTIONAL INT64 position;
    OPTIONAL INT64 lag_events;
    OPTIONAL INT64 missed_events;
    OPTIONAL DOUBLE lag_seconds;
    OPTIONAL BOOLEAN lag_is_more;
    OPTIONAL DOUBLE ingest_rate;
    OPTIONAL DOUBLE processed_rate;
    REQUIRED BYTE_ARRAY status (UTF8);
    OPTIONAL BYTE_ARRAY owner (UTF8);
}";

/// Writes rows as Parquet.
pub struct ParquetRows<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Row>,
}

/// The library wraps what the output said.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

impl<W: Write + Send> ParquetRows<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// As the output says.
    pub fn begin(output: W) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(plain)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("streamgauge ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(output, schema, Arc::new(properties)).map_err(plain)?;
        Ok(Self { file, rows: Vec::new() })
    }

    /// Writes a row, or keeps it for the group that it belongs to.
    ///
    /// # Errors
    /// As the output says.
    pub fn write(&mut self, row: Row) -> io::Result<()> {
        self.rows.push(row);
        if self.rows.len() >= GROUP { self.group().map_err(plain) } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As the output says.
    pub fn finish(mut self) -> io::Result<()> {
        self.group().and_then(|()| self.file.close()).map(drop).map_err(plain)
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        let to = &mut group;
        column::<Int64Type, W>(to, &rows, true, |row| Some(row.at.as_micros()))?;
        column::<DoubleType, W>(to, &rows, true, |row| Some(row.second))?;
        column::<Int32Type, W>(to, &rows, true, |row| Some(row.partition))?;
        column::<Int64Type, W>(to, &rows, false, |row| row.log_earliest)?;
        column::<Int64Type, W>(to, &rows, false, |row| row.log_last)?;
        column::<Int64Type, W>(to, &rows, false, |row| row.position)?;
        column::<Int64Type, W>(to, &rows, false, |row| row.lag_events)?;
        column::<Int64Type, W>(to, &rows, false, |row| row.missed_events)?;
        column::<DoubleType, W>(to, &rows, false, |row| row.lag_seconds)?;
        column::<BoolType, W>(to, &rows, false, |row| row.lag_is_more)?;
        column::<DoubleType, W>(to, &rows, false, |row| row.ingest_rate)?;
        column::<DoubleType, W>(to, &rows, false, |row| row.processed_rate)?;
        column::<ByteArrayType, W>(to, &rows, true, |row| Some(ByteArray::from(row.status)))?;
        column::<ByteArrayType, W>(to, &rows, false, |row| row.owner.as_deref().map(ByteArray::from))?;
        group.close().map(drop)
    }
}

/// Writes the next column of a group. A column that may hold nothing says of each row whether it does.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Row],
    required: bool,
    value: impl Fn(&Row) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General("the schema has too few columns".into()));
    };
    let all: Vec<Option<T::T>> = rows.iter().map(value).collect();
    let levels: Vec<i16> = all.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = all.into_iter().flatten().collect();
    writer.typed::<T>().write_batch(&values, (!required).then_some(levels.as_slice()), None)?;
    writer.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rows::COLUMNS;

    #[test]
    fn the_columns_are_the_documented_ones() {
        let schema = parse_message_type(SCHEMA).unwrap();
        let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        assert_eq!(names, COLUMNS);
    }

    /// `docs/export.md` has each column in its place, with its type, and says of those that may be empty when they are.
    #[test]
    fn the_documentation_has_each_column_with_its_type() {
        let told = include_str!("../../docs/export.md").lines().filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
            let &[name, kind, _meaning, empty] = cells.as_slice() else { return None };
            // The table of metrics is as wide.
            (!name.starts_with("streamgauge_"))
                .then(|| (name.trim_end_matches('`').to_owned(), kind.to_owned(), empty != "never"))
        });
        let schema = parse_message_type(SCHEMA).unwrap();
        let kind = |field: &parquet::schema::types::Type| match (field.name(), field.get_physical_type()) {
            ("at", _) => "timestamp",
            (_, parquet::basic::Type::DOUBLE) => "double",
            (_, parquet::basic::Type::INT32) => "int32",
            (_, parquet::basic::Type::INT64) => "int64",
            (_, parquet::basic::Type::BOOLEAN) => "boolean",
            _ => "text",
        };
        let columns = schema
            .get_fields()
            .iter()
            .map(|field| (field.name().to_owned(), kind(field).to_owned(), field.is_optional()));
        assert_eq!(told.collect::<Vec<_>>(), columns.collect::<Vec<_>>());
    }
}
