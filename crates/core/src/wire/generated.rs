#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Message {
    #[prost(message, optional, tag="1")]
    pub handshake: ::core::option::Option<Handshake>,
    #[prost(bytes="vec", tag="2")]
    pub header: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="3")]
    pub body: ::prost::alloc::vec::Vec<u8>,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Handshake {
    #[prost(bytes="vec", tag="1")]
    pub identity: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="2")]
    pub certificate: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="3")]
    pub base_key: ::prost::alloc::vec::Vec<u8>,
    #[prost(uint32, tag="4")]
    pub signed_prekey_id: u32,
    #[prost(uint32, optional, tag="5")]
    pub one_time_prekey_id: ::core::option::Option<u32>,
    #[prost(bytes="vec", tag="6")]
    pub kem_ciphertext: ::prost::alloc::vec::Vec<u8>,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SignedPreKeys {
    #[prost(bytes="vec", tag="1")]
    pub identity: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="2")]
    pub certificate: ::prost::alloc::vec::Vec<u8>,
    #[prost(uint32, tag="3")]
    pub id: u32,
    #[prost(bytes="vec", tag="4")]
    pub signed_prekey: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="5")]
    pub last_resort_kem_prekey: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="6")]
    pub signature: ::prost::alloc::vec::Vec<u8>,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct OneTimePreKeys {
    #[prost(uint32, tag="1")]
    pub id: u32,
    #[prost(bytes="vec", tag="2")]
    pub one_time_prekey: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="3")]
    pub kem_prekey: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes="vec", tag="4")]
    pub signature: ::prost::alloc::vec::Vec<u8>,
}
