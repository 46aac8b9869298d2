//! Any AMQP value, owned: what management requests, filters and annotations are made of.

/// One value of any AMQP type (section 1.6).
///
/// The performatives, which come by the thousand, are decoded into structs of their own instead.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Ubyte(u8),
    Ushort(u16),
    Uint(u32),
    Ulong(u64),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// The decimals are carried, never calculated with.
    Decimal32([u8; 4]),
    Decimal64([u8; 8]),
    Decimal128([u8; 16]),
    Char(char),
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
    Uuid([u8; 16]),
    Binary(Vec<u8>),
    String(String),
    Symbol(String),
    List(Vec<Value>),
    /// In the order in which the pairs were written; AMQP maps may have keys of any type.
    Map(Vec<(Value, Value)>),
    Array(Array),
    Described(Box<(Value, Value)>),
}

/// Values of one type that share one constructor (section 1.6.24).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    /// Shared by all elements, where the array holds described values.
    descriptor: Option<Box<Value>>,
    elements: Vec<Value>,
}

impl Array {
    /// An array of `elements`; none where they are not all of one type, or themselves described: such an array
    /// cannot be written.
    pub(crate) fn new(descriptor: Option<Value>, elements: Vec<Value>) -> Option<Self> {
        let uniform = elements.windows(2).all(|pair| match pair {
            [one, next] => std::mem::discriminant(one) == std::mem::discriminant(next),
            _ => true,
        });
        let plain = !elements.iter().any(|element| matches!(element, Value::Described(_)));
        (uniform && plain).then(|| Self { descriptor: descriptor.map(Box::new), elements })
    }

    pub(crate) fn strings(texts: impl IntoIterator<Item = String>) -> Self {
        Self { descriptor: None, elements: texts.into_iter().map(Value::String).collect() }
    }

    pub(crate) fn symbols(texts: &[&str]) -> Self {
        Self { descriptor: None, elements: texts.iter().map(|text| Value::Symbol((*text).to_owned())).collect() }
    }

    pub(crate) fn descriptor(&self) -> Option<&Value> {
        self.descriptor.as_deref()
    }

    pub(crate) fn elements(&self) -> &[Value] {
        &self.elements
    }
}

impl Value {
    pub(crate) fn symbol(text: &str) -> Self {
        Self::Symbol(text.to_owned())
    }

    pub(crate) fn string(text: &str) -> Self {
        Self::String(text.to_owned())
    }

    pub(crate) fn described(descriptor: Self, value: Self) -> Self {
        Self::Described(Box::new((descriptor, value)))
    }

    /// The text of a string or a symbol: clients differ in which of the two they write.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The value behind a descriptor, or the value itself.
    pub(crate) fn undescribed(&self) -> &Self {
        match self {
            Self::Described(described) => &described.1,
            plain => plain,
        }
    }

    /// A whole number of any width.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Ubyte(number) => Some(number.into()),
            Self::Ushort(number) => Some(number.into()),
            Self::Uint(number) => Some(number.into()),
            Self::Ulong(number) => i64::try_from(number).ok(),
            Self::Byte(number) => Some(number.into()),
            Self::Short(number) => Some(number.into()),
            Self::Int(number) => Some(number.into()),
            Self::Long(number) => Some(number),
            _ => None,
        }
    }

    /// The value at a key of a map, whether the key is a string or a symbol.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(pairs) => pairs.iter().find_map(|(name, value)| (name.as_text() == Some(key)).then_some(value)),
            _ => None,
        }
    }
}
