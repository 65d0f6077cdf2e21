// One line each, by whose it is. Shapes as their issuers document or show them. A checksum is asked
// for only where tokens that were really issued are known to have it (ghp_, gho_, ghu_): of npm's
// it is told only that there is one, and installation tokens (ghs_) change their form in 2026.
#include "guard/secret_formats.hpp"

namespace sluice::guard {
namespace {

using Check = SecretCheck;

constexpr SecretFormat formats[] = {
    // models
    {"openai_project", "sk-proj-[A-Za-z0-9_-]{40,200}", Check::entropy},
    {"openai_service", "sk-svcacct-[A-Za-z0-9_-]{40,200}", Check::entropy},
    {"openai_admin", "sk-admin-[A-Za-z0-9_-]{40,200}", Check::entropy},
    {"openai_legacy", "sk-[A-Za-z0-9]{48}", Check::entropy},
    {"anthropic", "sk-ant-[A-Za-z0-9_-]{32,200}", Check::entropy},
    {"openrouter", "sk-or-v1-[0-9a-f]{64}", Check::entropy},
    {"groq", "gsk_[A-Za-z0-9]{52}", Check::entropy},
    {"hugging_face", "hf_[A-Za-z0-9]{34}", Check::entropy},
    {"hugging_face_org", "api_org_[A-Za-z0-9]{34}", Check::entropy},
    {"replicate", "r8_[A-Za-z0-9]{37}", Check::entropy},
    {"perplexity", "pplx-[A-Za-z0-9]{40,64}", Check::entropy},
    {"xai", "xai-[A-Za-z0-9]{70,90}", Check::entropy},
    {"fireworks", "fw_[A-Za-z0-9]{22,32}", Check::entropy},
    {"nvidia", "nvapi-[A-Za-z0-9_-]{60,80}", Check::entropy},
    {"langsmith", "lsv2_pt_[0-9a-f]{32}_[0-9a-f]{10}", Check::entropy},
    {"sluice", "sk-sluice-[0-9a-f]{48}", Check::entropy},
    // clouds
    {"aws_access_key", "AKIA[A-Z2-7]{16}", Check::entropy},
    {"aws_session_key", "ASIA[A-Z2-7]{16}", Check::entropy},
    {"aws_bedrock", "ABSK[A-Za-z0-9+/]{109,269}", Check::entropy},
    {"google_api", "AIza[A-Za-z0-9_-]{35}", Check::entropy},
    {"google_oauth_client", "GOCSPX-[A-Za-z0-9_-]{28}", Check::entropy},
    {"google_oauth_access", "ya29.[A-Za-z0-9_-]{40,300}", Check::entropy},
    {"digitalocean", "dop_v1_[0-9a-f]{64}", Check::entropy},
    {"digitalocean_oauth", "doo_v1_[0-9a-f]{64}", Check::entropy},
    {"digitalocean_refresh", "dor_v1_[0-9a-f]{64}", Check::entropy},
    {"alibaba", "LTAI[A-Za-z0-9]{16,24}", Check::entropy},
    {"heroku", "HRKU-AA[A-Za-z0-9_-]{58}", Check::entropy},
    {"fly", "fo1_[A-Za-z0-9_-]{43}", Check::entropy},
    {"scalingo", "tk-us-[A-Za-z0-9_-]{48}", Check::entropy},
    {"databricks", "dapi[0-9a-f]{32}", Check::entropy},
    {"planetscale_password", "pscale_pw_[A-Za-z0-9_.-]{32,64}", Check::entropy},
    {"planetscale_token", "pscale_tkn_[A-Za-z0-9_.-]{32,64}", Check::entropy},
    {"vault_service", "hvs.[A-Za-z0-9_-]{90,120}", Check::entropy},
    {"vault_batch", "hvb.[A-Za-z0-9_-]{138,300}", Check::entropy},
    {"pulumi", "pul-[0-9a-f]{40}", Check::entropy},
    {"doppler", "dp.pt.[A-Za-z0-9]{43}", Check::entropy},
    {"age", "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", Check::entropy},
    // code and packages
    {"github_personal", "ghp_[A-Za-z0-9]{36}", Check::crc32_62},
    {"github_oauth", "gho_[A-Za-z0-9]{36}", Check::crc32_62},
    {"github_user", "ghu_[A-Za-z0-9]{36}", Check::crc32_62},
    {"github_server", "ghs_[A-Za-z0-9]{36}", Check::entropy},
    {"github_server_signed",
     "ghs_[A-Za-z0-9_-]{10,400}.[A-Za-z0-9_-]{10,2000}.[A-Za-z0-9_-]{20,1000}", Check::entropy},
    {"github_refresh", "ghr_[A-Za-z0-9]{76}", Check::entropy},
    {"github_fine_grained", "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", Check::entropy},
    {"gitlab_personal", "glpat-[A-Za-z0-9_-]{20,64}", Check::entropy},
    {"gitlab_pipeline", "glptt-[0-9a-f]{40}", Check::entropy},
    {"gitlab_runner", "glrt-[A-Za-z0-9_-]{20,64}", Check::entropy},
    {"gitlab_deploy", "gldt-[A-Za-z0-9_-]{20,64}", Check::entropy},
    {"npm", "npm_[A-Za-z0-9]{36}", Check::entropy},
    {"pypi", "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,300}", Check::entropy},
    {"rubygems", "rubygems_[0-9a-f]{48}", Check::entropy},
    {"docker_hub", "dckr_pat_[A-Za-z0-9_-]{27,32}", Check::entropy},
    {"crates_io", "cio[A-Za-z0-9]{32}", Check::entropy},
    {"artifactory", "AKCp[A-Za-z0-9]{69}", Check::entropy},
    {"linear", "lin_api_[A-Za-z0-9]{40}", Check::entropy},
    {"postman", "PMAK-[0-9a-f]{24}-[0-9a-f]{34}", Check::entropy},
    {"atlassian", "ATATT3[A-Za-z0-9_=-]{180,220}", Check::entropy},
    {"sonarqube", "sqp_[0-9a-f]{40}", Check::entropy},
    {"sourcegraph", "sgp_[0-9a-f]{40}", Check::entropy},
    // money
    {"stripe_secret", "sk_live_[A-Za-z0-9]{24,120}", Check::entropy},
    {"stripe_test", "sk_test_[A-Za-z0-9]{24,120}", Check::entropy},
    {"stripe_restricted", "rk_live_[A-Za-z0-9]{24,120}", Check::entropy},
    {"stripe_webhook", "whsec_[A-Za-z0-9]{32,64}", Check::entropy},
    {"square_access", "EAAA[A-Za-z0-9_-]{60}", Check::entropy},
    {"square_oauth", "sq0csp-[A-Za-z0-9_-]{43}", Check::entropy},
    {"shopify_access", "shpat_[0-9a-f]{32}", Check::entropy},
    {"shopify_custom", "shpca_[0-9a-f]{32}", Check::entropy},
    {"shopify_shared", "shpss_[0-9a-f]{32}", Check::entropy},
    {"flutterwave", "FLWSECK-[0-9a-f]{32}-X", Check::entropy},
    // messages and mail
    {"slack_bot", "xoxb-[0-9]{10,13}-[0-9]{10,13}-[A-Za-z0-9]{24,32}", Check::entropy},
    {"slack_user", "xoxp-[0-9]{10,13}-[0-9]{10,13}-[0-9]{10,13}-[0-9a-f]{32}", Check::entropy},
    {"slack_app", "xapp-[0-9]{1}-[A-Z0-9]{9,12}-[0-9]{10,13}-[0-9a-f]{64}", Check::entropy},
    {"slack_webhook", "hooks.slack.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}",
     Check::entropy},
    {"telegram_bot", "[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", Check::entropy},
    {"sendgrid", "SG.[A-Za-z0-9_-]{22}.[A-Za-z0-9_-]{43}", Check::entropy},
    {"mailgun", "key-[0-9a-f]{32}", Check::entropy},
    {"brevo", "xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", Check::entropy},
    {"resend", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", Check::entropy},
    {"twilio_key", "SK[0-9a-f]{32}", Check::entropy},
    {"facebook", "EAACEdEose0cBA[A-Za-z0-9]{20,200}", Check::entropy},
    // watching and the rest
    {"new_relic", "NRAK-[A-Z0-9]{27}", Check::entropy},
    {"grafana_service", "glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}", Check::entropy},
    {"grafana_cloud", "glc_[A-Za-z0-9+/]{32,300}", Check::entropy},
    {"sentry_user", "sntryu_[0-9a-f]{64}", Check::entropy},
    {"dynatrace", "dt0c01.[A-Z2-7]{24}.[A-Z2-7]{64}", Check::entropy},
    {"figma", "figd_[A-Za-z0-9_-]{40,44}", Check::entropy},
    {"notion", "ntn_[A-Za-z0-9]{40,50}", Check::entropy},
    {"airtable", "pat[A-Za-z0-9]{14}.[0-9a-f]{64}", Check::entropy},
    {"jwt", "eyJ[A-Za-z0-9_-]{10,400}.eyJ[A-Za-z0-9_-]{10,4000}.[A-Za-z0-9_-]{20,1000}",
     Check::jwt},
};

}  // namespace

std::span<SecretFormat const> secret_formats() noexcept { return formats; }

}  // namespace sluice::guard
