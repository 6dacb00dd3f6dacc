//! What people see who have no front end installed.

use anyhow::{Result, ensure};
use buildbot_e2e::{Program, Site};

#[test]
fn the_plain_page_shows_builders_and_builds_and_nothing_as_markup() -> Result<()> {
    let mut site = Site::new(
        "c['title'] = 'Ours & <b>yours</b>'\n\
         c['builders'] = [builder('a <i>', shell('true')), builder('slow', shell('sleep', '600', name='sleep'))]",
    )?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    site.wait_for_build(site.force("a <i>")?)?;
    site.wait_for_step(site.force("slow")?, "sleep")?;
    let page = ureq::get(site.url()).call()?.body_mut().read_to_string()?;
    for shown in [
        "<h1>Ours &amp; &lt;b&gt;yours&lt;/b&gt;</h1>",
        ">a &lt;i&gt; #1</a></td><td class=\"success\">build successful</td>",
        ">slow #1</a></td><td class=\"running\">building</td>",
        "api/v2/application.spec",
    ] {
        ensure!(page.contains(shown), "{shown} is missing in {page}");
    }
    // Links are relative, so that a proxy may put the page below any path.
    for link in page.split("href=\"").skip(1) {
        let link = link
            .split('"')
            .next()
            .unwrap_or_default()
            .replace("&amp;", "&");
        ensure!(site.status(&link)? == 200, "{link}");
    }
    Ok(())
}
