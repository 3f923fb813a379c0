//! Settings of the application, which all devices of the account share.

use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::{SettingError, StateError};
use crate::store::{Store, Transaction};
use crate::sync::limits::MAX_SETTING_LEN;
use crate::sync::{Fact, SettingName, subjects};

impl<S: Store> Client<S> {
    /// Sets a setting of the application, on all devices of the account. The names are the
    /// application's. An empty value removes the setting.
    ///
    /// If two devices set it at once, one of the two values wins, and it is the same on all
    /// devices.
    ///
    /// # Errors
    /// [`SettingError::TooLong`](crate::errors::SettingError::TooLong) if the value has more than
    /// [`MAX_SETTING_LEN`](crate::sync::limits::MAX_SETTING_LEN) bytes.
    pub fn set_setting(
        &mut self,
        name: &SettingName,
        value: &[u8],
    ) -> Result<(), SettingError<S::Error>> {
        if value.len() > MAX_SETTING_LEN {
            return Err(SettingError::TooLong);
        }
        self.run(|client| {
            let name = name.clone();
            let value = Zeroizing::new(value.to_vec());
            let mut transaction = Transaction::default();
            client.put_fact(&mut transaction, Fact::Setting { name, value })?;
            client.commit(transaction)
        })?;
        Ok(())
    }

    /// A setting of the application. `None` if it was never set, or was removed.
    pub fn setting(
        &self,
        name: &SettingName,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
        self.look(|client| {
            let item = client.item(&subjects::setting(name.as_str()))?;
            Ok(item.and_then(|item| match item.fact {
                Fact::Setting { value, .. } if !value.is_empty() => Some(value),
                _ => None,
            }))
        })
    }
}
