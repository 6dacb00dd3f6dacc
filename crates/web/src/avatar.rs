//! `/avatar`: pictures of people.

use buildbot_config::Www;
use buildbot_config::auth::AvatarKind;
use data_encoding::HEXLOWER;
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use md5::{Digest as _, Md5};

use crate::request::Request;
use crate::response::{self, Response};
use crate::site::Site;

/// How large a picture is, when nobody says.
const SIZE: u32 = 32;

/// What is shown when there is no picture: head and shoulders.
const NOBODY: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\">\
    <rect width=\"32\" height=\"32\" fill=\"#e4e7ec\"/><g fill=\"#8f99a8\"><circle cx=\"16\" cy=\"12\" r=\"6\"/>\
    <path d=\"M4 32c0-8 5-12 12-12s12 4 12 12z\"/></g></svg>";

/// Names a method that is not there.
pub(crate) fn check(www: &Www) -> Result<(), String> {
    let methods = www.avatar_methods.iter().flat_map(|methods| &methods.0);
    for method in methods {
        match method.kind {
            AvatarKind::Gravatar => {}
            AvatarKind::GitHub(_) => {
                return Err(
                    "c['www']['avatar_methods']: util.AvatarGitHub is not supported yet".to_owned(),
                );
            }
            AvatarKind::Custom => {
                return Err(
                    "c['www']['avatar_methods']: a method of another class is not supported yet"
                        .to_owned(),
                );
            }
        }
    }
    Ok(())
}

/// The picture of an address.
pub(crate) fn serve(site: &Site, request: &Request) -> Response {
    let methods = &site.settings.www.avatar_methods;
    if methods.as_ref().is_some_and(|methods| methods.0.is_empty()) {
        let mut response = response::with(StatusCode::OK, "image/svg+xml", NOBODY);
        response::set(&mut response, CACHE_CONTROL, "public,max-age=3600");
        return response;
    }
    let address = request.parameter("email").unwrap_or_default();
    let digest = Md5::digest(address.trim().to_lowercase().as_bytes());
    let digest = HEXLOWER.encode(&digest);
    let size = request.parameter("size").and_then(|size| size.parse().ok());
    let size: u32 = size.unwrap_or(SIZE);
    response::redirect(&format!(
        "//www.gravatar.com/avatar/{digest}?d=retro&s={size}"
    ))
}
