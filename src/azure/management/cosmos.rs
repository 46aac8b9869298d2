//! Cosmos DB: accounts, and the databases and containers of those that speak its own API (SQL). Keys are never listed.

use serde::Deserialize;

use super::client::Management;
use super::error::ManagementError;
use super::resource_groups::GroupPlace;

const VERSION: &str = "2024-08-15";

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "AccountReply")]
pub struct CosmosAccount {
    /// Its name.
    pub name: String,
    /// Where it is; `None` while it is being made.
    pub endpoint: Option<String>,
    /// Whether it speaks Cosmos DB's own API. Those of other APIs have no such containers.
    pub speaks_sql: bool,
}

#[derive(Deserialize)]
struct AccountReply {
    name: String,
    kind: Option<String>,
    properties: AccountProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountProperties {
    document_endpoint: Option<String>,
    #[serde(default)]
    capabilities: Option<Vec<Capability>>,
}

#[derive(Deserialize)]
struct Capability {
    name: String,
}

impl From<AccountReply> for CosmosAccount {
    fn from(AccountReply { name, kind, properties }: AccountReply) -> Self {
        const OTHERS: [&str; 4] = ["EnableCassandra", "EnableGremlin", "EnableTable", "EnableMongo"];
        let is_sql = kind.is_none_or(|kind| kind == "GlobalDocumentDB");
        let has_other = |capability: &Capability| OTHERS.contains(&capability.name.as_str());
        let speaks_sql = is_sql && !properties.capabilities.iter().flatten().any(has_other);
        Self { name, endpoint: properties.document_endpoint, speaks_sql }
    }
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SqlDatabase {
    /// Its name.
    pub name: String,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SqlContainer {
    /// Its name.
    pub name: String,
}

impl Management {
    /// The Cosmos DB accounts of a resource group.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn cosmos_accounts(&self, group: &GroupPlace) -> Result<Vec<CosmosAccount>, ManagementError> {
        let what = format!("Cosmos DB accounts of the resource group {:?}", group.name);
        self.list(&what, &group.path(&["Microsoft.DocumentDB", "databaseAccounts"]), VERSION).await
    }

    /// The databases of an account.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn sql_databases(&self, group: &GroupPlace, account: &str) -> Result<Vec<SqlDatabase>, ManagementError> {
        let what = format!("databases of the Cosmos DB account {account:?}");
        let path = group.path(&["Microsoft.DocumentDB", "databaseAccounts", account, "sqlDatabases"]);
        self.list(&what, &path, VERSION).await
    }

    /// The containers of a database.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn sql_containers(
        &self,
        group: &GroupPlace,
        account: &str,
        database: &str,
    ) -> Result<Vec<SqlContainer>, ManagementError> {
        let what = format!("containers of the database {database:?}");
        let below = ["Microsoft.DocumentDB", "databaseAccounts", account, "sqlDatabases", database, "containers"];
        self.list(&what, &group.path(&below), VERSION).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_other_apis_are_told_apart() {
        let speaks_sql = |more: &str| {
            let text = format!("{{\"name\":\"a\",{more}}}");
            serde_json::from_str::<CosmosAccount>(&text).unwrap().speaks_sql
        };
        assert!(speaks_sql(r#""kind":"GlobalDocumentDB","properties":{}"#));
        assert!(speaks_sql(r#""kind":"GlobalDocumentDB","properties":{"capabilities":[{"name":"EnableServerless"}]}"#));
        assert!(!speaks_sql(r#""kind":"MongoDB","properties":{}"#));
        assert!(!speaks_sql(r#""kind":"GlobalDocumentDB","properties":{"capabilities":[{"name":"EnableGremlin"}]}"#));
    }
}
