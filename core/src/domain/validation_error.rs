use super::wire_names::wire_names;

wire_names! {
    /// What is wrong with a member. A later version may add some.
    ValidationErrorCode as "ProblemErrorCode" {
        /// The member is missing.
        Required = "required",
        /// The member is not known.
        UnknownMember = "unknown_member",
        /// The member stands twice.
        DuplicateMember = "duplicate_member",
        /// The value is of another type.
        InvalidType = "invalid_type",
        /// The value is none that may stand here.
        InvalidValue = "invalid_value",
        /// The text is too short or too long.
        InvalidLength = "invalid_length",
        /// The value is no e-mail address.
        InvalidEmail = "invalid_email",
        /// The value is no address of the form that is asked for.
        InvalidUrl = "invalid_url",
        /// The value is an address that is not called from here.
        ForbiddenAddress = "forbidden_address",
        /// The value is no name of a person.
        InvalidName = "invalid_name",
        /// The value is no RFC 3339 time.
        InvalidTimestamp = "invalid_timestamp",
        /// The value is neither an IP address nor a CIDR block.
        InvalidCidr = "invalid_cidr",
        /// The number is too small or too great.
        OutOfRange = "out_of_range",
        /// The value is what it already was.
        Unchanged = "unchanged",
        /// What is named is not declared.
        UnknownReference = "unknown_reference",
        /// The benchmark version has no such task.
        UnknownTask = "unknown_task",
        /// The password has fewer than 8 characters.
        PasswordTooShort = "password_too_short",
        /// The password has more than 128 characters.
        PasswordTooLong = "password_too_long",
        /// The password has no character that can be seen.
        PasswordInvisible = "password_invisible",
        /// The password is like the address, the name or the service.
        PasswordTooSimilar = "password_too_similar",
        /// The password is among the most common ones.
        PasswordTooCommon = "password_too_common",
        /// The password is in a list that was stolen elsewhere.
        PasswordBreached = "password_breached",
    }
}

/// A value that breaks a rule: a stable code and a sentence that says what to give instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// Stable code for programs.
    pub code: ValidationErrorCode,
    /// Sentence for people.
    pub detail: String,
}

impl ValidationError {
    /// Creates an error with this code and this sentence for people.
    #[must_use]
    pub fn new(code: ValidationErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
