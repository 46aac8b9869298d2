use super::*;

const KEY: &str = "c2VjcmV0LXNlY3JldA==";

fn with<'a>(variables: &'a [(&'a str, String)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| value.clone())
}

fn hub(variables: &[(&str, String)], choice: CredentialChoice) -> Result<FoundEventHubs, CredentialError> {
    let variable = with(variables);
    event_hubs(choice, "NS.servicebus.windows.net", "in-2", &Environment::new(&variable))
}

#[test]
fn a_connection_string_of_event_hubs() {
    let text = format!("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Listen;SharedAccessKey={KEY}");
    let found = hub(&[(EVENTHUBS, text.clone())], CredentialChoice::Automatic).unwrap();
    assert_eq!(found.emulator, None);
    let EventHubsCredential::SharedKey { name, key, .. } = &found.credential else { panic!("a key") };
    assert_eq!((name.as_str(), key.reveal()), ("Listen", KEY), "the key's own `=` stays");
    assert!(!format!("{found:?}").contains(KEY));

    let emulator = format!("{text};EntityPath=IN-2;UseDevelopmentEmulator=true");
    let found = hub(&[(EVENTHUBS, emulator)], CredentialChoice::Environment).unwrap();
    assert_eq!(found.emulator.as_deref(), Some("amqp://ns.servicebus.windows.net:5672"));
    assert!(matches!(found.credential, EventHubsCredential::Anonymous));

    let none = hub(&[(EVENTHUBS, text)], CredentialChoice::None).unwrap();
    assert!(matches!(none.credential, EventHubsCredential::Anonymous));
}

#[test]
fn what_is_wrong_with_a_variable_is_said_and_its_value_is_not() {
    let string = |ns: &str, rest: &str| format!("Endpoint=sb://{ns}/;SharedAccessKey={KEY};{rest}");
    let ours = "ns.servicebus.windows.net";
    let table = [
        (Some("hush".to_owned()), "is no connection string"),
        (Some(format!("SharedAccessKey={KEY}")), "has no Endpoint"),
        (Some(string(ours, "")), "has no SharedAccessKeyName"),
        (Some(format!("Endpoint=sb://{ours}/;SharedAccessKeyName=Listen")), "has no SharedAccessKey"),
        (
            Some(string("other.servicebus.windows.net", "")),
            "is for other.servicebus.windows.net, but the scenario names NS",
        ),
        (Some(string(ours, "EntityPath=in-4")), "is for the hub in-4, but the scenario names the hub in-2"),
        (None, "takes the credential for Event Hubs from the environment; set STREAMGAUGE_EVENTHUBS_CONNECTION_STRING"),
    ];
    for (value, expected) in table {
        let variables: Vec<_> = value.into_iter().map(|value| (EVENTHUBS, value)).collect();
        let sentence = hub(&variables, CredentialChoice::Environment).unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sentence}");
        assert!(!sentence.contains(KEY) && !sentence.contains("hush"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn storage_by_connection_string_key_or_signature() {
    const CONTOSO: &str = "https://contoso.blob.core.windows.net";
    const AZURITE: &str = "http://127.0.0.1:10000/devstoreaccount1";
    let whole =
        format!("DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={KEY};EndpointSuffix=core.windows.net");
    let signed = "BlobEndpoint=https://contoso.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig=abc".to_owned();
    let table = [
        (STORAGE, whole, CONTOSO, "SharedKey { account: \"contoso\", key: Secret(..) }"),
        (STORAGE, signed, CONTOSO, "Signature(Secret(..))"),
        (STORAGE_KEY, KEY.to_owned(), CONTOSO, "SharedKey { account: \"contoso\", key: Secret(..) }"),
        (STORAGE_KEY, KEY.to_owned(), AZURITE, "SharedKey { account: \"devstoreaccount1\", key: Secret(..) }"),
        (STORAGE_SAS, "?sv=2024&sig=abc".to_owned(), CONTOSO, "Signature(Secret(..))"),
    ];
    for (name, value, endpoint, expected) in table {
        let variables = [(name, value)];
        let variable = with(&variables);
        let found = blob(CredentialChoice::Environment, endpoint, &Environment::new(&variable)).unwrap();
        assert_eq!(format!("{found:?}"), expected, "{name}");
    }
    let other = [(STORAGE, format!("AccountName=other;AccountKey={KEY}"))];
    let variable = with(&other);
    let sentence = blob(CredentialChoice::Automatic, CONTOSO, &Environment::new(&variable)).unwrap_err().to_string();
    assert!(sentence.contains("is for the account other, but the scenario names the account contoso"), "{sentence}");
}

#[test]
fn a_key_that_is_none_is_told_with_its_variable() {
    const BLOB: &str = "https://contoso.blob.core.windows.net";
    const COSMOS_DB: &str = "https://contoso.documents.azure.com/";
    let table = [
        (STORAGE_KEY, "notbase64!!", "STREAMGAUGE_STORAGE_KEY in the environment is no key, which is base64"),
        (
            STORAGE,
            "AccountName=contoso;AccountKey=notbase64!!",
            "_CONNECTION_STRING in the environment has an AccountKey",
        ),
        (STORAGE_SAS, "notbase64!!", "STREAMGAUGE_STORAGE_SAS in the environment is no shared access signature"),
        (COSMOS_KEY, "notbase64!!", "STREAMGAUGE_COSMOS_KEY in the environment is no key, which is base64"),
        (
            COSMOS,
            "AccountEndpoint=https://contoso.documents.azure.com/;AccountKey=notbase64!!",
            "STREAMGAUGE_COSMOS_CONNECTION_STRING in the environment has an AccountKey that is none",
        ),
    ];
    for (name, value, expected) in table {
        let variables = [(name, value.to_owned())];
        let variable = with(&variables);
        let environment = Environment::new(&variable);
        let choice = CredentialChoice::Environment;
        let error = if name == COSMOS || name == COSMOS_KEY {
            cosmos(choice, COSMOS_DB, &environment).unwrap_err()
        } else {
            blob(choice, BLOB, &environment).unwrap_err()
        };
        let sentence = error.to_string();
        assert!(sentence.contains(expected) && sentence.contains("copy it again, whole"), "{sentence}");
        assert!(!sentence.contains("notbase64"), "{sentence}");
    }
}

#[test]
fn a_password_in_a_connection_string_is_no_part_of_a_host() {
    let text = format!("Endpoint=sb://a:hush@other.example/;SharedAccessKeyName=Listen;SharedAccessKey={KEY}");
    let sentence = hub(&[(EVENTHUBS, text)], CredentialChoice::Automatic).unwrap_err().to_string();
    assert!(sentence.contains("is for other.example") && !sentence.contains("hush"), "{sentence}");
}

#[test]
fn cosmos_by_connection_string_or_key() {
    const CONTOSO: &str = "https://contoso.documents.azure.com/";
    let of = |name: &'static str, value: String| {
        let variables = [(name, value)];
        let variable = with(&variables);
        cosmos(CredentialChoice::Environment, CONTOSO, &Environment::new(&variable)).map(|found| format!("{found:?}"))
    };
    let string = |host: &str| format!("AccountEndpoint=https://{host}.documents.azure.com:443/;AccountKey={KEY};");
    assert_eq!(of(COSMOS, string("contoso")).unwrap(), "Key(Secret(..))", "with the port or without");
    assert_eq!(of(COSMOS_KEY, KEY.into()).unwrap(), "Key(Secret(..))");
    let sentence = of(COSMOS, string("other")).unwrap_err().to_string();
    assert!(sentence.contains("is for other.documents.azure.com, but the scenario names contoso"), "{sentence}");
    let sentence = of("NOTHING", String::new()).unwrap_err().to_string();
    assert!(sentence.ends_with("set STREAMGAUGE_COSMOS_CONNECTION_STRING or _KEY"), "{sentence}");
}
