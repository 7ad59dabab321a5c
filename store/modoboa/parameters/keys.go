package parameters

// Names of parameters are "app.name". Their types say what is asked for.
type (
	// Flag names what is true or false.
	Flag string
	// Number names a whole number.
	Number string
	// Optional names a whole number, or none.
	Optional string
	// Text names a text.
	Text string
)

// Parameters of the app "core".
const (
	UpdateScheme           Flag   = "core.update_scheme"
	AllowSpecialCharacters Flag   = "core.allow_special_characters"
	EnableInactiveAccounts Flag   = "core.enable_inactive_accounts"
	AuthenticationType     Text   = "core.authentication_type" // local or ldap
	PasswordScheme         Text   = "core.password_scheme"
	RoundsNumber           Number = "core.rounds_number"
	DefaultPassword        Text   = "core.default_password"
	RandomPasswordLength   Number = "core.random_password_length"
	UpdatePasswordURL      Text   = "core.update_password_url"
	SecretKey              Text   = "core.secret_key" // Modoboa 1.10.0
	SenderAddress          Text   = "core.sender_address"
	InactiveThreshold      Number = "core.inactive_account_threshold"  // days
	LogMaximumAge          Number = "core.log_maximum_age"             // days
	MessageHistoryAge      Number = "core.message_history_maximum_age" // days
	ItemsPerPage           Number = "core.items_per_page"
)

// Parameters of LDAP, of the app "core" as well.
const (
	LDAPServerAddress        Text   = "core.ldap_server_address"
	LDAPServerPort           Number = "core.ldap_server_port"
	LDAPEnableSecondary      Flag   = "core.ldap_enable_secondary_server"
	LDAPSecondaryAddress     Text   = "core.ldap_secondary_server_address"
	LDAPSecondaryPort        Number = "core.ldap_secondary_server_port"
	LDAPSecured              Text   = "core.ldap_secured"     // none, starttls or ssl
	LDAPAuthMethod           Text   = "core.ldap_auth_method" // searchbind or directbind
	LDAPBindDN               Text   = "core.ldap_bind_dn"
	LDAPBindPassword         Text   = "core.ldap_bind_password"
	LDAPSearchBase           Text   = "core.ldap_search_base"
	LDAPSearchFilter         Text   = "core.ldap_search_filter"
	LDAPUserDNTemplate       Text   = "core.ldap_user_dn_template"
	LDAPPasswordAttribute    Text   = "core.ldap_password_attribute"
	LDAPIsActiveDirectory    Flag   = "core.ldap_is_active_directory"
	LDAPAdminGroups          Text   = "core.ldap_admin_groups" // separated by ";"
	LDAPGroupType            Text   = "core.ldap_group_type"   // posixgroup or groupofnames
	LDAPGroupsSearchBase     Text   = "core.ldap_groups_search_base"
	LDAPEnableSync           Flag   = "core.ldap_enable_sync"
	LDAPSyncBindDN           Text   = "core.ldap_sync_bind_dn"
	LDAPSyncBindPassword     Text   = "core.ldap_sync_bind_password"
	LDAPSyncAccountDN        Text   = "core.ldap_sync_account_dn_template"
	LDAPSyncDelete           Flag   = "core.ldap_sync_delete_remote_account"
	LDAPEnableImport         Flag   = "core.ldap_enable_import"
	LDAPImportSearchBase     Text   = "core.ldap_import_search_base"
	LDAPImportSearchFilter   Text   = "core.ldap_import_search_filter"
	LDAPImportUsernameAttr   Text   = "core.ldap_import_username_attr"
	LDAPDovecotSync          Flag   = "core.ldap_dovecot_sync"
	LDAPDovecotConfiguration Text   = "core.ldap_dovecot_conf_file"
)

// Parameters of the app "admin".
const (
	EnableMXChecks             Flag     = "admin.enable_mx_checks"
	ValidMXs                   Text     = "admin.valid_mxs" // networks, separated by blanks
	DomainsNeedAuthorizedMX    Flag     = "admin.domains_must_have_authorized_mx"
	EnableDNSBLChecks          Flag     = "admin.enable_dnsbl_checks"
	EnableIPv6MXChecks         Flag     = "admin.enable_ipv6_mx_checks"
	EnableSPFChecks            Flag     = "admin.enable_spf_checks"
	EnableDKIMChecks           Flag     = "admin.enable_dkim_checks"
	EnableDMARCChecks          Flag     = "admin.enable_dmarc_checks"
	DMARCCheckIsCritical       Flag     = "admin.dmarc_check_is_critical"
	EnableAutoconfigChecks     Flag     = "admin.enable_autoconfig_checks"
	EnableDNSNotifications     Flag     = "admin.enable_dns_notifications"
	CustomDNSServer            Text     = "admin.custom_dns_server"
	DKIMStorageDir             Text     = "admin.dkim_keys_storage_dir"
	DKIMKeyLength              Number   = "admin.dkim_default_key_length" // bits
	HandleMailboxes            Flag     = "admin.handle_mailboxes"
	MailboxesOwner             Text     = "admin.mailboxes_owner"      // Modoboa 1.x
	DefaultDomainQuota         Number   = "admin.default_domain_quota" // MB
	DefaultMailboxQuota        Number   = "admin.default_mailbox_quota"
	DefaultDomainMessageLimit  Optional = "admin.default_domain_message_limit" // recipients a day
	DefaultMailboxMessageLimit Optional = "admin.default_mailbox_message_limit"
	AutoAccountRemoval         Flag     = "admin.auto_account_removal"
	AutoCreate                 Flag     = "admin.auto_create_domain_and_mailbox"
	CreateAliasOnRename        Flag     = "admin.create_alias_on_mbox_rename"
	AliasCanTargetAnyDomain    Flag     = "admin.alias_can_target_any_domain"
	AliasTargetBlockList       Text     = "admin.alias_target_block_list" // separated by ","
	AliasTargetAllowList       Text     = "admin.alias_target_allow_list"
)

// Parameters of the app "limits". The first values of limits have no names
// here: see [Set.Limits].
const (
	EnableAdminLimits  Flag = "limits.enable_admin_limits"
	EnableDomainLimits Flag = "limits.enable_domain_limits"
)
