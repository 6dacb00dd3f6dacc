//! Where secrets come from: `c['secretsProviders']`.

use buildbot_model::Secret;

use crate::arguments::{arguments, kinds};
use crate::parts::Part;
use buildbot_render::Value;

kinds! {
    /// The kinds of providers of secrets.
    pub enum SecretsKind in "buildbot.secrets.providers" {
        /// Files of a directory.
        File(FileArguments) = "file.SecretInAFile",
        /// The program `pass`.
        Pass(PassArguments) = "passwordstore.SecretInPass",
        /// HashiCorp Vault.
        Vault(VaultArguments) = "vault_hvac.HashiCorpVaultKvSecretProvider",
    }
}

kinds! {
    /// How a master logs in at Vault.
    pub enum VaultAuthenticatorKind in "buildbot.secrets.providers" {
        /// A token.
        Token(VaultTokenArguments) = "vault_hvac.VaultAuthenticatorToken",
        /// A role and its secret.
        AppRole(VaultAppRoleArguments) = "vault_hvac.VaultAuthenticatorApprole",
    }
}

arguments! {
    /// Files of a directory.
    pub struct FileArguments {
        dirname: Value = "dirname",
        suffixes: Value = "suffixes",
        strip: bool = "strip" or true,
    }
}

arguments! {
    /// The program `pass`.
    pub struct PassArguments {
        gpg_passphrase: Secret<Value> = "gpgPassphrase" or Secret::new(Value::None),
        dirname: Value = "dirname",
    }
}

arguments! {
    /// HashiCorp Vault.
    pub struct VaultArguments {
        vault_server: Value = "vault_server",
        authenticator: Option<Part<VaultAuthenticatorKind>> = "authenticator",
        secrets_mount: Value = "secrets_mount",
        api_version: i64 = "api_version" or 2,
        path_delimiter: Value = "path_delimiter" or "|".into(),
        path_escape: Value = "path_escape" or "\\".into(),
    }
}

arguments! {
    /// A token.
    pub struct VaultTokenArguments {
        token: Secret<Value> = "token" or Secret::new(Value::None),
    }
}

arguments! {
    /// A role and its secret.
    pub struct VaultAppRoleArguments {
        role_id: Value = "roleId",
        secret_id: Secret<Value> = "secretId" or Secret::new(Value::None),
    }
}
