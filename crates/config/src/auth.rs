//! Who people are: the keys `auth` and `avatar_methods` of `c['www']`.

use buildbot_model::Secret;

use crate::arguments::{arguments, kinds};
use crate::parts::Part;
use buildbot_render::Value;

kinds! {
    /// How people log in.
    pub enum AuthKind in "buildbot.www" {
        /// Nobody logs in.
        NoAuth(NoAuthArguments) = "auth.NoAuth",
        /// A proxy in front says who it is.
        RemoteUser(RemoteUserArguments) = "auth.RemoteUserAuth",
        /// Checkers of Twisted.
        TwistedCred(TwistedCredArguments) = "auth.TwistedICredAuthBase" | "auth.CustomAuth",
        /// A file of passwords.
        HtPasswd(HtPasswdArguments) = "auth.HTPasswdAuth",
        /// Names and passwords.
        UserPassword(UserPasswordArguments) = "auth.UserPasswordAuth",
        /// Google, Bitbucket, or a class of the user's.
        OAuth2(OAuth2Arguments) = "oauth2.OAuth2Auth" | "oauth2.BitbucketAuth" | "oauth2.GoogleAuth",
        /// GitHub.
        GitHub(GitHubAuthArguments) = "oauth2.GitHubAuth",
        /// GitLab.
        GitLab(GitLabAuthArguments) = "oauth2.GitLabAuth",
    }
}

kinds! {
    /// Where pictures of people come from.
    pub enum AvatarKind in "buildbot.www" {
        /// GitHub.
        GitHub(GitHubAvatarArguments) = "avatar.AvatarGitHub",
        /// Gravatar.
        Gravatar = "avatar.AvatarGravatar",
    }
}

kinds! {
    /// Where names and addresses of people come from.
    pub enum UserInfoKind in "buildbot.www" {
        /// A directory of LDAP.
        Ldap(LdapArguments) = "ldapuserinfo.LdapUserInfo",
    }
}

arguments! {
    /// Nobody logs in.
    pub struct NoAuthArguments {
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// A proxy in front says who it is.
    pub struct RemoteUserArguments {
        header: Value = "header",
        header_regex: Value = "headerRegex",
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// Checkers of Twisted.
    pub struct TwistedCredArguments {
        credential_factories: Value = "credentialFactories",
        checkers: Value = "checkers",
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// A file of passwords.
    pub struct HtPasswdArguments {
        passwd_file: Value = "passwdFile",
        credential_factories: Value = "credentialFactories",
        checkers: Value = "checkers",
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// Names and passwords.
    pub struct UserPasswordArguments {
        users: Secret<Value> = "users" or Secret::new(Value::None),
        credential_factories: Value = "credentialFactories",
        checkers: Value = "checkers",
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// Google, Bitbucket, or a class of the user's.
    pub struct OAuth2Arguments {
        client_id: Value = "clientId",
        client_secret: Secret<Value> = "clientSecret" or Secret::new(Value::None),
        autologin: bool = "autologin",
        ssl_verify: Value = "ssl_verify" or Value::Bool(true),
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// GitHub.
    pub struct GitHubAuthArguments {
        client_id: Value = "clientId",
        client_secret: Secret<Value> = "clientSecret" or Secret::new(Value::None),
        server_url: Value = "serverURL",
        autologin: bool = "autologin",
        api_version: i64 = "apiVersion" or 3,
        get_teams_membership: bool = "getTeamsMembership",
        debug: bool = "debug",
        ssl_verify: Value = "ssl_verify" or Value::Bool(true),
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// GitLab.
    pub struct GitLabAuthArguments {
        instance_uri: Value = "instanceUri",
        client_id: Value = "clientId",
        client_secret: Secret<Value> = "clientSecret" or Secret::new(Value::None),
        autologin: bool = "autologin",
        ssl_verify: Value = "ssl_verify" or Value::Bool(true),
        user_info_provider: Option<Part<UserInfoKind>> = "userInfoProvider",
    }
}

arguments! {
    /// GitHub.
    pub struct GitHubAvatarArguments {
        github_api_endpoint: Value = "github_api_endpoint",
        token: Secret<Value> = "token" or Secret::new(Value::None),
        client_id: Value = "client_id",
        client_secret: Secret<Value> = "client_secret" or Secret::new(Value::None),
        debug: bool = "debug",
        verify: Value = "verify" or Value::Bool(true),
    }
}

arguments! {
    /// A directory of LDAP.
    pub struct LdapArguments {
        uri: Value = "uri",
        bind_user: Value = "bindUser",
        bind_pw: Secret<Value> = "bindPw" or Secret::new(Value::None),
        account_base: Value = "accountBase",
        account_pattern: Value = "accountPattern",
        account_full_name: Value = "accountFullName",
        account_email: Value = "accountEmail",
        group_base: Value = "groupBase",
        group_member_pattern: Value = "groupMemberPattern",
        group_name: Value = "groupName",
        avatar_pattern: Value = "avatarPattern",
        avatar_data: Value = "avatarData",
        account_extra_fields: Value = "accountExtraFields",
        tls: Value = "tls",
    }
}
